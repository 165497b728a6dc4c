// SPDX-License-Identifier: Apache-2.0
// A procfs that nobody has mounted anything over. What crun-lite reads or writes in /proc (id maps, LSM
// attributes, sysctls, oom_score_adj, /proc/self/exe) goes through this handle, never through the path /proc:
// a container may have put another file there (CVE-2019-16884, CVE-2025-52881). Usable in the child.
#pragma once

#include "base/sys.h"

namespace crunlite {

class Proc {
 public:
  // A private instance (fsopen("proc")); where that is not allowed, /proc after checking that it is the root
  // of a procfs. Shows the pids of the caller's pid namespace at the time of the call.
  static sys::Result<Proc> open();

  int fd() const { return root_.get(); }
  // `path` is below the procfs root, without a leading slash. No link is followed, no mount is crossed.
  sys::Result<UniqueFd> open_file(const char* path, int flags) const;
  sys::Status write_file(const char* path, std::string_view content) const;
  // Follows the magic link self/fd/N: reopens the descriptor `target` with other flags.
  sys::Result<UniqueFd> reopen(int target, int flags) const;

 private:
  UniqueFd root_;
};

}  // namespace crunlite
