// SPDX-License-Identifier: Apache-2.0
#include "rootfs/enter.h"

#include <sys/mount.h>

#include "rootfs/bind.h"

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

bool shares_with_host(const RootfsPlan& plan) {
  return plan.initial_propagation & MS_SHARED;
}

// Of a call of the mount API: see bind.cc.
bool may_be_missing(int error) {
  return error == ENOSYS || error == EPERM;
}

// pivot_root(2) refuses shared parents, and the mounts below a shared root would appear on the host: the
// mount that holds `path` is made private, wherever its own root is.
Status make_holder_private(const std::string& path) {
  PathText at;
  if (at.set(path).truncated()) return Status(ENAMETOOLONG);
  for (;;) {
    Status st = sys::mount(nullptr, at.c_str(), nullptr, MS_PRIVATE, nullptr);
    if (st.error() != EINVAL || at.view() == "/") return st;  // EINVAL: not the root of a mount
    const size_t slash = at.view().rfind('/');
    PathText up;
    up.set(slash == 0 || slash == std::string_view::npos ? std::string_view("/")
                                                         : at.view().substr(0, slash));
    at = up;
  }
}

// At its path, where createRuntime hooks look for it. A user namespace may not be allowed to walk there: then
// on top of `/`, which nobody else sees.
Status attach_root(int tree, const std::string& path) {
  Status st = sys::move_mount(tree, "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
  if (st.error() != EACCES) return st;
  return sys::move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
}

// In the caller's mount namespace: attached to a shared mount it becomes shared itself, and what is mounted
// in it would appear wherever the caller's mounts do.
Result<RootedDir> attach_beside_others(const RootfsPlan& plan) {
  Status st = sys::move_mount(plan.tree.get(), "", AT_FDCWD, plan.path.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
  if (!st.ok()) return st;
  const struct mount_attr secluded {
    .attr_set = 0, .attr_clr = 0, .propagation = MS_PRIVATE, .userns_fd = 0
  };
  st = sys::mount_setattr(plan.tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, secluded);
  if (!st.ok()) return st;
  Result<UniqueFd> root = sys::dup(plan.tree.get());
  if (!root.ok()) return root.status();
  return RootedDir(std::move(*root));
}

Status change_root(const RootedDir& root) {
  if (Status st = sys::fchdir(root.fd()); !st.ok()) return st;
  return sys::chroot(".");
}

Result<RootedDir> bind_root_legacy(const std::string& path) {
  Status st = sys::mount(path.c_str(), path.c_str(), nullptr, MS_BIND | MS_REC, nullptr);
  if (!st.ok()) return st;
  return RootedDir::open_trusted(path.c_str());
}

// Without a pivot the host's tree stays below: at least its procfs and sysfs go, through which an escape
// needs no further mount, and which would let a nested user namespace mount one without our masks
// (mount_too_revealing() in the kernel's fs/namespace.c).
Status unmount_host_proc(const RootfsPlan& plan, Note& note) {
  for (const std::string& path : plan.unmount_without_pivot) {
    note.set(path);
    // The unmount must not propagate to the host.
    Status st = sys::mount(nullptr, path.c_str(), nullptr, MS_SLAVE | MS_REC, nullptr);
    if (st.ok()) st = sys::umount(path.c_str(), MNT_DETACH);
    if (st.ok() || st.error() == ENOENT) continue;
    // Mounts that came from a more privileged user namespace cannot be taken off, only covered.
    if (st.error() == EINVAL || st.error() == EPERM)
      st = sys::mount("tmpfs", path.c_str(), "tmpfs", MS_RDONLY, nullptr);
    // ENOTDIR: a single file, which disappears with the directory that is covered after it.
    if (!st.ok() && st.error() != ENOTDIR) return st;
  }
  return sys::kOk;
}

Status move_root(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  if (Status st = unmount_host_proc(plan, note); !st.ok()) return st;
  note.set(plan.path);
  if (Status st = sys::fchdir(root.fd()); !st.ok()) return st;
  if (Status st = sys::mount(".", "/", nullptr, MS_MOVE, nullptr); !st.ok()) return st;
  return sys::chroot(".");
}

Status pivot_root(const RootedDir& root, const RootfsPlan& plan) {
  UniqueFd old_root;
  if (shares_with_host(plan)) {
    Result<UniqueFd> opened = sys::open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
    if (!opened.ok()) return opened.status();
    old_root = std::move(*opened);
  }
  if (Status st = sys::fchdir(root.fd()); !st.ok()) return st;
  // The old root is stacked on the new one and taken off again (pivot_root(2), Notes).
  if (Status st = sys::pivot_root(".", "."); !st.ok()) return st;
  if (old_root.valid()) {
    // The unmounts must not propagate to the host.
    if (Status st = sys::fchdir(old_root.get()); !st.ok()) return st;
    if (Status st = sys::mount(nullptr, ".", nullptr, MS_SLAVE | MS_REC, nullptr); !st.ok()) return st;
  }
  if (Status st = sys::umount(".", MNT_DETACH); !st.ok()) return st;
  return sys::fchdir(root.fd());
}

}  // namespace

Status set_initial_propagation(const RootfsPlan& plan, Note& note) {
  if (plan.in_callers_namespace) return sys::kOk;
  note.set("/");
  if (Status st = sys::mount(nullptr, "/", nullptr, plan.initial_propagation, nullptr); !st.ok()) return st;
  if (shares_with_host(plan))
    if (Status st = make_holder_private(plan.path); !st.ok()) return st;
  note.clear();
  return sys::kOk;
}

Result<RootedDir> prepare_root(const RootfsPlan& plan, Note& note) {
  note.set(plan.path);
  if (plan.in_callers_namespace) return attach_beside_others(plan);
  UniqueFd cloned;
  int tree = plan.tree.get();
  if (tree < 0) {
    Result<UniqueFd> opened = sys::open_tree(AT_FDCWD, plan.path.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE);
    if (may_be_missing(opened.error())) return bind_root_legacy(plan.path);
    if (!opened.ok()) return opened.status();
    cloned = std::move(*opened);
    tree = cloned.get();
  }
  if (Status st = attach_root(tree, plan.path); !st.ok()) {
    if (cloned.valid() && may_be_missing(st.error())) return bind_root_legacy(plan.path);
    return st;
  }
  Result<UniqueFd> root = cloned.valid() ? Result<UniqueFd>(std::move(cloned)) : sys::dup(tree);
  if (!root.ok()) return root.status();
  note.clear();
  return RootedDir(std::move(*root));
}

Status enter_root(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  note.set(plan.path);
  if (plan.in_callers_namespace) return change_root(root);
  Status st = plan.no_pivot ? move_root(root, plan, note) : pivot_root(root, plan);
  // An unbindable root could not be bound from: finish_read_only() makes it so at the end.
  if (st.ok() && plan.propagation && !(plan.propagation & MS_UNBINDABLE))
    st = sys::mount(nullptr, "/", nullptr, plan.propagation, nullptr);
  if (st.ok()) note.clear();
  return st;
}

}  // namespace crunlite::rootfs
