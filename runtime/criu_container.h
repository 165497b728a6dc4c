// SPDX-License-Identifier: Apache-2.0
// What of a container is not its own and comes from outside: bind mounts, devices, namespaces that it joined.
// criu is told of each under a name at the dump, and what to put there under the same name at the restore;
// both lists are made from config.json here. The names are those that runc gives.
#pragma once

#include <string>
#include <vector>

#include "base/proc.h"
#include "oci/spec.h"
#include "rootfs/mount_op.h"
#include "runtime/criu_rpc.h"
#include "runtime/record.h"

namespace crunlite::runtime {

// The mounts that the container has, or is to get. Throws Error(kUnsupported) for those that criu cannot make
// again.
rootfs::RootfsPlan mounts_for_criu(const oci::Spec& spec, const Record& record, const Proc& proc);

// "mnt[/data]:/data" for all of it that is mounted in the container of that process.
std::vector<std::string> external_at_dump(const rootfs::RootfsPlan& plan, pid_t pid, const Proc& proc);
// "mnt[/data]:/srv/data"
std::vector<std::string> external_at_restore(const rootfs::RootfsPlan& plan);

// "net[4026532281]:extRootNetNS" for the namespaces of other containers that criu leaves alone.
std::vector<std::string> joined_at_dump(const oci::Linux& linux, pid_t pid, const Proc& proc);

// What takes their place: descriptors, whose numbers in criu begin at `first`, and paths.
struct JoinedAtRestore {
  std::vector<UniqueFd> fds;
  std::vector<CriuInheritedFd> inherited;
  std::vector<CriuJoinedNamespace> joined;
};
// Throws Error for a path that is not there, and for a cgroup namespace, which criu cannot join.
JoinedAtRestore joined_at_restore(const oci::Linux& linux, int first);

// The cgroups of `pid`, which stand for those at the dump. `cgroup` is the text of its /proc/PID/cgroup.
std::vector<CriuCgroupRoot> cgroup_roots(std::string_view cgroup);

}  // namespace crunlite::runtime
