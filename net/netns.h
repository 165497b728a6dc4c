// SPDX-License-Identifier: Apache-2.0
// Network namespaces (network_namespaces(7)): made, given a name in the file system, entered for a while.
// No helper process and no thread: the calling thread goes there and comes back, so that a crash leaves
// nothing that the kernel does not clean up itself.
#pragma once

#include <string>

#include "base/proc.h"
#include "base/unique_fd.h"

namespace crunlite::net {

// The namespace that the calling thread is in. Throws SysError.
UniqueFd current_netns();

// The calling thread is in namespace `fd` while this lives. A thread that cannot come back would do the
// host's work in a container's network: then the process ends.
class NetnsScope {
 public:
  explicit NetnsScope(int fd);
  NetnsScope(const NetnsScope&) = delete;
  NetnsScope& operator=(const NetnsScope&) = delete;
  ~NetnsScope();

 private:
  friend UniqueFd create_netns(const Proc& proc);
  NetnsScope();  // a new namespace
  UniqueFd home_;
};

// A new namespace: lo is up, no router advertisement is believed, and interfaces made later get no IPv6
// address until enable_ipv6 (SECURITY N5, CVE-2024-32473). Gone when its last descriptor is.
UniqueFd create_netns(const Proc& proc);
// For an interface of the calling thread's namespace that is still down. Without duplicate address detection:
// until that has ended, after more than a second, its link-local address can answer nobody.
void enable_ipv6(const Proc& proc, const std::string& interface);

// A bind mount of the namespace on a new file: for `namespaces[].path` of a bundle. The directory exists.
void pin_netns(int netns, const std::string& path);
// Undoes it; a path that is not there is fine. Throws SysError.
void unpin_netns(const std::string& path);
// Whether a process is in the namespace pinned at `path`. Looks through the whole of /proc: for the
// collection of what a crash left.
bool netns_has_process(const Proc& proc, const std::string& path);

}  // namespace crunlite::net
