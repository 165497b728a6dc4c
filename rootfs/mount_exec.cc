// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_exec.h"

#include <sys/mount.h>

#include "rootfs/bind.h"
#include "rootfs/copy_up.h"
#include "rootfs/instance.h"
#include "rootfs/mount_target.h"

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

// The text of the plan has been checked (mount_plan.cc); this sees what links have made of it.
Status check_not_in_proc(int target, const MountOp& op, Note& note) {
  if (op.allow_in_proc || op.must_be_procfs || op.type == "proc" || !on_procfs(target)) return sys::kOk;
  note.add(" (it leads into /proc)");
  return Status(EPERM);
}

// Propagation and recursive attributes.
Status change_tree(int mounted, const MountOp& op) {
  if (op.recursive.empty() && op.propagation.empty()) return sys::kOk;
  return change_mount(mounted, {}, op.recursive, op.propagation.data(), op.propagation.size());
}

// Of what has just been mounted.
Status change_mounted(const RootedDir& root, const MountOp& op) {
  if (op.recursive.empty() && op.propagation.empty()) return sys::kOk;
  Result<UniqueFd> mounted = root.open(op.destination.c_str(), O_PATH);
  return mounted.ok() ? change_tree(mounted->get(), op) : mounted.status();
}

Status copy_up_into(const RootedDir& root, const MountOp& op, int hidden) {
  Result<UniqueFd> mounted = root.open(op.destination.c_str(), O_RDONLY | O_DIRECTORY);
  return mounted.ok() ? copy_directory(hidden, mounted->get()) : mounted.status();
}

// The kernel's default for a tmpfs, 1777, would open a directory that is closed: as with runc, what is there
// before keeps its mode. Nothing for a directory that is still to be made.
Status set_data(const RootedDir& root, const MountOp& op, PathText& data) {
  if (data.set(op.data).truncated()) return Status(ENAMETOOLONG);
  if (!op.mode_of_target) return sys::kOk;
  Result<UniqueFd> target = root.open(op.destination.c_str(), O_PATH);
  if (target.error() == ENOENT) return sys::kOk;
  if (!target.ok()) return target.status();
  Result<struct stat> st = sys::fstat(target->get());
  if (!st.ok()) return st.status();
  char octal[] = "0000";
  for (int digit = 0; digit < 4; ++digit)
    octal[digit] = static_cast<char>('0' + ((st->st_mode >> (9 - 3 * digit)) & 7));
  data.add(op.data.empty() ? "" : ",", "mode=", octal);
  return data.truncated() ? Status(ENAMETOOLONG) : sys::kOk;
}

Status copy_up_between(int hidden, int mounted) {
  Result<UniqueFd> from = sys::open_at(hidden, ".", O_RDONLY | O_DIRECTORY);
  if (!from.ok()) return from.status();
  Result<UniqueFd> to = sys::open_at(mounted, ".", O_RDONLY | O_DIRECTORY);
  return to.ok() ? copy_directory(from->get(), to->get()) : to.status();
}

// Recursive: in a user namespace what covers parts of the host's instance may not be uncovered.
Status bind_instance_of_host(const RootedDir& root, const MountOp& op, int target, Note& note) {
  Status st = bind({.path = op.bind_when_denied.c_str(),
                    .recursive = true,
                    .target = target,
                    .attributes = op.attributes,
                    .recursive_attributes = op.recursive,
                    .propagation = op.propagation.data(),
                    .propagation_count = op.propagation.size(),
                    .root = &root,
                    .destination = op.destination.c_str()});
  if (st.ok()) return st;
  note.add(" (a new instance is denied, nor can ", op.bind_when_denied, " be bound instead)");
  return st;
}

Status mount_filesystem(const RootedDir& root, const MountOp& op, Note& note) {
  PathText data;
  if (Status st = set_data(root, op, data); !st.ok()) return st;
  Result<UniqueFd> target =
      open_mount_target(root, op.destination.c_str(), TargetKind::kDirectory, op.target);
  if (target.error() == ENOTDIR && op.target == TargetRule::kRealDirectory)
    note.add(" (it must be mounted on ordinary directory, not on a link or file)");
  if (!target.ok()) return target.status();
  if (Status st = check_not_in_proc(target->get(), op, note); !st.ok()) return st;
  UniqueFd hidden;
  if (op.copy_up) {
    Result<UniqueFd> readable = sys::open_at(target->get(), ".", O_RDONLY | O_DIRECTORY);
    if (!readable.ok()) return readable.status();
    hidden = std::move(*readable);
  }
  // The working directory is the mount point itself: mount(2) by descriptor, without a path to be swapped.
  if (Status st = sys::fchdir(target->get()); !st.ok()) return st;
  Status st =
      sys::mount(op.source.c_str(), ".", op.type.c_str(), op.flags, data.empty() ? nullptr : data.c_str());
  if (!op.bind_when_denied.empty() && (st.error() == EPERM || st.error() == EBUSY))
    return bind_instance_of_host(root, op, target->get(), note);
  if (st.error() == EINVAL && !op.data.empty()) note.add(" (options ", op.data, ")");
  if (st.ok() && hidden.valid()) st = copy_up_into(root, op, hidden.get());
  return st.ok() ? change_mounted(root, op) : st;
}

Status source_kind(const MountOp& op, TargetKind& kind, Note& note) {
  Result<struct stat> st =
      op.tree.valid() ? sys::fstat(op.tree.get())
                      : sys::stat_at(AT_FDCWD, op.source.c_str(), op.source_link ? AT_SYMLINK_NOFOLLOW : 0);
  if (!st.ok()) return st.status();
  kind = S_ISDIR(st->st_mode) ? TargetKind::kDirectory : TargetKind::kFile;
  if (!op.must_be_procfs) return sys::kOk;
  Result<UniqueFd> opened =
      op.tree.valid() ? sys::dup(op.tree.get()) : sys::open_at(AT_FDCWD, op.source.c_str(), O_PATH);
  if (!opened.ok()) return opened.status();
  if (on_procfs(opened->get())) return sys::kOk;
  note.add(" (it is not of type proc)");
  return Status(EPERM);
}

// What the kernel says with one number (mount_setattr(2)).
void explain_refusal(const MountOp& op, Status status, Note& note) {
  if (status.error() == ENOSYS && !op.recursive.empty())
    note.add(" (recursive options need mount_setattr(2), Linux 5.12)");
  // Flags that are only left alone stay by themselves.
  if (status.error() == EPERM && (op.attributes.clear || op.recursive.clear))
    note.add(
        " (an option may take off what the source is locked with: ro, nosuid, nodev, noexec or an "
        "access-time mode that a more privileged user namespace has set)");
}

Status mount_bind(const RootedDir& root, const MountOp& op, Note& note) {
  TargetKind kind{};
  if (Status st = source_kind(op, kind, note); !st.ok()) return st;
  Result<UniqueFd> target = open_mount_target(root, op.destination.c_str(), kind, op.target);
  if (target.error() == ENOTDIR)
    note.add(kind == TargetKind::kDirectory ? " (the target is not a directory)"
                                            : " (the source is not a directory, the target is one)");
  if (!target.ok()) return target.status();
  if (Status st = check_not_in_proc(target->get(), op, note); !st.ok()) return st;
  const Status st = bind({.tree = op.tree.get(),
                          .path = op.source.c_str(),
                          .follow = !op.source_link,
                          .recursive = op.recursive_bind,
                          .target = target->get(),
                          .attributes = op.attributes,
                          .recursive_attributes = op.recursive,
                          .propagation = op.propagation.data(),
                          .propagation_count = op.propagation.size(),
                          .root = &root,
                          .destination = op.destination.c_str()});
  explain_refusal(op, st, note);
  return st;
}

Status remount_at(const RootedDir& root, const MountOp& op) {
  Result<UniqueFd> target = root.open(op.destination.c_str(), O_PATH);
  return target.ok() ? remount(target->get(), op) : target.status();
}

bool is_link_to(int dir, const char* name, const std::string& target) {
  char text[4096];
  Result<size_t> size = sys::readlink_at(dir, name, text, sizeof text);
  return size.ok() && std::string_view(text, *size) == target;
}

Status make_link(const RootedDir& root, const MountOp& op, Note& note) {
  Result<RootedDir::Leaf> leaf = open_leaf(root, op.destination.c_str());
  if (!leaf.ok()) return leaf.status();
  Status st = sys::symlink_at(op.source.c_str(), leaf->parent.get(), leaf->name);
  if (st.error() != EEXIST || !op.link_must_match) return st.error() == EEXIST ? sys::kOk : st;
  if (is_link_to(leaf->parent.get(), leaf->name, op.source)) return sys::kOk;
  note.add(" (something other than this link is there)");
  return st;
}

Status execute(const RootedDir& root, const MountOp& op, Note& note) {
  note.set(op.source.empty() ? op.type : op.source, " on ", op.destination);
  switch (op.kind) {
    case MountKind::kFilesystem:
      return mount_filesystem(root, op, note);
    case MountKind::kBind:
      return mount_bind(root, op, note);
    case MountKind::kRemount:
      return remount_at(root, op);
    case MountKind::kSymlink:
      return make_link(root, op, note);
  }
  return Status(EINVAL);
}

}  // namespace

Status execute_mounts(const RootedDir& root, const RootfsPlan& plan, size_t first, size_t last, Note& note) {
  for (size_t i = first; i < last; ++i)
    if (Status st = execute(root, plan.mounts[i], note); !st.ok()) return st;
  note.clear();
  return sys::kOk;
}

Status remount(int mounted, const MountOp& op) {
  if (op.flags & MS_BIND)
    return change_mount(mounted, op.attributes, op.recursive, op.propagation.data(), op.propagation.size());
  if (Status st = sys::fchdir(mounted); !st.ok()) return st;
  if (Status st = sys::mount(nullptr, ".", nullptr, op.flags | MS_REMOUNT, or_null(op.data)); !st.ok())
    return st;
  return change_tree(mounted, op);
}

Status mount_live(const RootedDir& root, MountOp& op, Note& note) {
  if (op.kind != MountKind::kFilesystem) return execute(root, op, note);
  note.set(op.source, " on ", op.destination);
  PathText data;
  if (Status st = set_data(root, op, data); !st.ok()) return st;
  Result<UniqueFd> target =
      open_mount_target(root, op.destination.c_str(), TargetKind::kDirectory, op.target);
  if (!target.ok()) return target.status();
  if (Status st = check_not_in_proc(target->get(), op, note); !st.ok()) return st;
  Result<UniqueFd> tree = new_instance(op, data.view(), note);
  if (!tree.ok()) return tree.status();
  op.tree = std::move(*tree);
  if (op.copy_up)
    if (Status st = copy_up_between(target->get(), op.tree.get()); !st.ok()) return st;
  return bind({.tree = op.tree.get(),
               .target = target->get(),
               .recursive_attributes = op.recursive,
               .propagation = op.propagation.data(),
               .propagation_count = op.propagation.size()});
}

// Resolved inside the root, unlike other sources: what lies there is the image's, and so are its links.
Status open_inner_source(const RootedDir& root, MountOp& op, Note& note) {
  note.set(op.source, " on ", op.destination);
  Result<UniqueFd> object = root.open(op.inner_source.c_str(), O_PATH);
  if (!object.ok()) return object.status();
  const unsigned flags =
      static_cast<unsigned>(OPEN_TREE_CLONE) | AT_EMPTY_PATH | (op.recursive_bind ? AT_RECURSIVE : 0U);
  Result<UniqueFd> tree = sys::open_tree(object->get(), "", flags);
  if (!tree.ok()) return tree.status();
  op.tree = std::move(*tree);
  note.clear();
  return sys::kOk;
}

Status finish_read_only(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  for (const MountOp& op : plan.mounts) {
    if (!op.read_only_later) continue;
    note.set(op.destination);
    if (Status st = make_read_only(root, op.destination.c_str()); !st.ok()) return st;
  }
  note.set("/");
  if (plan.readonly)
    if (Status st = make_read_only(root, "."); !st.ok()) return st;
  if (plan.propagation & MS_UNBINDABLE)
    if (Status st = sys::mount(nullptr, "/", nullptr, plan.propagation, nullptr); !st.ok()) return st;
  note.clear();
  return sys::kOk;
}

}  // namespace crunlite::rootfs
