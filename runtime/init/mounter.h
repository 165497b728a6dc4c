// SPDX-License-Identifier: Apache-2.0
// A process that enters the namespaces of a running container to mount there or to unmount, and ends. The
// child's code, like init.h: decided by the parent (runtime/mounts.cc), allocates nothing. It never enters
// the container's pid namespace: nobody in there can see it, let alone trace it.
#pragma once

#include <string>
#include <vector>

#include "base/proc.h"
#include "rootfs/mount_op.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

struct MounterPlan {
  std::vector<NamespaceJoin> join;  // user first, mount last
  bool joined_user = false;
  rootfs::RootfsPlan rootfs;         // what to mount: `mounts` alone is read
  std::vector<std::string> unmount;  // or where to unmount, in this order
  Proc proc;                         // of our own pid namespace
};

// Never returns. Sends Msg::kReady, or kFailed with what failed.
[[noreturn]] void run_mounter(MounterPlan& plan, UniqueFd channel);

}  // namespace crunlite::runtime
