// SPDX-License-Identifier: Apache-2.0
// What is to be mounted, made and hidden below a container's root, as a list of typed operations: decided by
// the parent (rootfs/mount_plan.h), executed by the child (rootfs/mount_exec.h). Data only; every path is as
// the container will see it, except `source`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "base/user_namespace.h"

namespace crunlite::rootfs {

// A change of per-mount attributes (MOUNT_ATTR_*, mount_setattr(2)).
struct AttrChange {
  uint64_t set = 0;
  uint64_t clear = 0;
  bool empty() const { return set == 0 && clear == 0; }
};

// Whose ids a bind mount shows differently (idmap, ridmap).
enum class IdMap { kNone, kTop, kRecursive };

enum class MountKind {
  kFilesystem,  // a new instance: mount(2) with type, flags and data
  kBind,        // a copy of `source` (a path of the host, or `tree`)
  kRemount,     // changes what is mounted at the destination
  kSymlink,     // `destination` -> `source`: co-mounted cgroup v1 controllers, copy-symlink
};

// What may stand at the destination before the mount.
enum class TargetRule {
  kFollowInside,   // links are followed inside the root
  kRealDirectory,  // procfs and sysfs: the last component must be a directory itself (CVE-2019-19921)
  kLastAsItIs,     // dest-nofollow: a link as last component is itself the mount point
};

struct MountOp {
  MountKind kind = MountKind::kFilesystem;
  std::string destination;  // absolute, cleaned
  std::string type;
  std::string source;
  std::string data;         // the options that are not flags, joined by commas
  unsigned long flags = 0;  // MS_* of a new instance or remount
  bool recursive_bind = false;
  AttrChange attributes;                   // of the top mount (binds)
  AttrChange recursive;                    // of the whole tree: rro, rnosuid, …
  std::vector<unsigned long> propagation;  // MS_PRIVATE, MS_SHARED | MS_REC, …: applied in order
  TargetRule target = TargetRule::kFollowInside;
  bool allow_in_proc = false;    // one of the files below /proc that lxcfs replaces
  bool must_be_procfs = false;   // a bind over /proc itself: only another procfs
  bool copy_up = false;          // tmpcopyup: a tmpfs that starts with what it hides
  bool mode_of_target = false;   // a tmpfs without a mode of its own: that of the directory it hides
  bool read_only_later = false;  // its mount points and devices have to be made first
  // Where the kernel refuses a new instance (cgroup2; sysfs and others without a namespace of their own in a
  // user namespace), this directory of the host is bound instead, with `attributes`.
  std::string bind_when_denied;
  bool source_link = false;      // src-nofollow
  bool copy_link = false;        // copy-symlink: decided when the sources are opened
  bool link_must_match = false;  // kSymlink: what is there already must be the same link
  IdMap id_map = IdMap::kNone;
  std::vector<IdRange> uid_map;  // its own; both empty: the container's
  std::vector<IdRange> gid_map;
  size_t index = SIZE_MAX;  // in the document's mounts
  // The source as a detached tree made by the parent: where the child may not reach it (user namespaces), or
  // ids are mapped. Invalid: the child opens `source` itself.
  UniqueFd tree;
  // Instead, a source that an earlier mount has put below the root: the child makes the tree of it when its
  // turn comes, and the parent maps its ids to those of `mapping`.
  std::string inner_source;
  UniqueFd mapping;  // a user namespace
};

// Whether the child needs its parent for the tree that it has made of an inner source.
inline bool is_mapped_by_parent(const MountOp& op) {
  return !op.inner_source.empty() && op.id_map != IdMap::kNone;
}

struct DeviceOp {
  std::string path;
  mode_t mode = 0;  // type and permissions
  dev_t device = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

enum class LinkRule {
  kLeave,    // what stands there stays
  kReplace,  // /dev/ptmx: what stands there is removed first
  kIfThere,  // /dev/core: only where this kernel has what it leads to
};

struct LinkOp {
  std::string target;
  std::string path;
  LinkRule rule = LinkRule::kLeave;
};

struct RootfsPlan {
  std::string path;  // the host's path of the root
  UniqueFd tree;     // the same as a detached tree (user namespaces); else the child opens the path
  // The container is to live in its caller's mount namespace: nothing there may change but what lies below
  // the tree, which is attached at `path` and stays until `delete` (rootfs/attached_root.h). Its process is
  // only chrooted.
  bool in_callers_namespace = false;
  // MS_* for `/` before the first mount; what the specification asks for the root itself is `propagation`.
  unsigned long initial_propagation = 0;
  unsigned long propagation = 0;                   // 0: as it is
  bool no_pivot = false;                           // MS_MOVE and chroot (--no-pivot)
  std::vector<std::string> unmount_without_pivot;  // procfs and sysfs of the host, deepest first
  bool readonly = false;
  bool bind_devices = false;  // no mknod: a user namespace
  std::vector<MountOp> mounts;
  size_t mounts_before_cgroup = 0;  // the first so many can be made before the container is in its cgroup
  std::vector<DeviceOp> devices;
  std::vector<LinkOp> links;
  std::vector<std::string> masked;
  std::vector<std::string> read_only;
};

}  // namespace crunlite::rootfs
