// SPDX-License-Identifier: Apache-2.0
// What a root file system needs before criu can restore a container in it: mount points where the container's
// own mounts will be, and a mount of the root itself. Nothing that is mounted here is ever seen on the host.
// Makes none of the container's mounts: criu does.
#pragma once

#include "base/proc.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// A mount namespace of our own while it lives: a copy of ours to which the host's mounts and unmounts still
// come and from which none go. Then we are back where we were, with the same root and working directory, and
// what was mounted meanwhile is gone, unless a process was started in it.
class PrivateMounts {
 public:
  // Throws SysError.
  explicit PrivateMounts(const Proc& proc);
  PrivateMounts(const PrivateMounts&) = delete;
  PrivateMounts& operator=(const PrivateMounts&) = delete;
  ~PrivateMounts();

 private:
  UniqueFd namespace_;
  UniqueFd root_;
  UniqueFd directory_;
};

// Mounts the tree at `source` on the directory `target`. Within PrivateMounts only. Throws SysError.
void mount_root(const std::string& source, const std::string& target);

// Makes the missing mount points of the plan, in its order, and with the same rules as when the container was
// created; those that lie in a file system which criu brings along are left out. Throws SysError: "make the
// mount point /data".
void make_mount_points(const Proc& proc, const RootfsPlan& plan);

}  // namespace crunlite::rootfs
