// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_source.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>
#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/proc.h"
#include "base/user_namespace.h"

namespace crunlite::rootfs {
namespace {

std::vector<IdRange> ranges(const std::vector<oci::IdMapping>& mappings) {
  std::vector<IdRange> out;
  for (const oci::IdMapping& m : mappings) out.push_back({m.container_id, m.host_id, m.size});
  return out;
}

enum class MayWait { kNo, kYes };

// Invalid where the child has to take the path: without privileges in our mount namespace, which it has in
// its own (it reaches as much as we do); and for a cgroup that comes into being only around the child.
UniqueFd copy_tree(const std::string& path, bool recursive, MayWait may_wait, bool follow = true) {
  const unsigned flags = static_cast<unsigned>(OPEN_TREE_CLONE) | (recursive ? AT_RECURSIVE : 0U) |
                         (follow ? 0U : AT_SYMLINK_NOFOLLOW);
  sys::Result<UniqueFd> tree = sys::open_tree(AT_FDCWD, path.c_str(), flags);
  if (tree.error() == EPERM || (tree.error() == ENOENT && may_wait == MayWait::kYes)) return {};
  return check(std::move(tree), "open mount source ", path);
}

// A copy of a shared mount is its peer: what is mounted below it would appear on the host.
void detach_from_host(int tree, const std::string& path) {
  const struct mount_attr slave { .attr_set = 0, .attr_clr = 0, .propagation = MS_SLAVE, .userns_fd = 0 };
  check(sys::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, slave), "make ", path, " a slave mount");
}

bool wants_shared(const MountOp& op) {
  return std::ranges::any_of(op.propagation, [](unsigned long flags) { return flags & MS_SHARED; });
}

// Whose maps the ids of a mount get: its own, or the container's.
UniqueFd mapping_namespace(const oci::Linux& linux, const MountOp& op, int container_userns) {
  if (!op.uid_map.empty()) return make_user_namespace(op.uid_map, op.gid_map);
  if (container_userns >= 0) return check(sys::dup(container_userns), "dup");
  if (linux.uid_mappings.empty())
    throw Error(ErrorKind::kConfig,
                "an idmap mount needs uidMappings and gidMappings, its own or the container's");
  return make_user_namespace(ranges(linux.uid_mappings), ranges(linux.gid_mappings));
}

// The file system that `path` lies on, for messages.
std::string filesystem_of(const std::string& path) {
  constexpr size_t kMostMountinfo = 64u << 20;
  const sys::Result<struct statx> st = sys::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID);
  const sys::Result<Proc> proc = Proc::open();
  if (!st.ok() || !proc.ok()) return "";
  const sys::Result<UniqueFd> file = proc->open_file("self/mountinfo", O_RDONLY);
  return file.ok() ? filesystem_of_mount(read_fd(file->get(), "mountinfo", kMostMountinfo), st->stx_mnt_id)
                   : "";
}

[[noreturn]] void refuse_mapping(const MountOp& op, int error) {
  // What is inside, only the child sees.
  const std::string type = op.inner_source.empty() ? filesystem_of(op.source) : "";
  const std::string named = cat("map the ids of mount source ", op.source, type.empty() ? "" : " on ", type);
  // mount_setattr(2), ERRORS
  if (error == EINVAL)
    throw Error(ErrorKind::kUnsupported, named, ": this file system ",
                op.id_map == IdMap::kRecursive ? "or one below it " : "", "does not support mapped ids")
        .with_remedy("leave out idmap and uidMappings, or take a source on ext4, xfs, btrfs or tmpfs");
  if (error == ENOSYS)
    throw Error(ErrorKind::kUnsupported, named, ": mapped ids need mount_setattr(2), Linux 5.12");
  throw SysError(error, named);
}

void map_ids(const MountOp& op, int tree, const UniqueFd& userns) {
  const struct mount_attr attributes {
    .attr_set = MOUNT_ATTR_IDMAP, .attr_clr = 0, .propagation = 0,
    .userns_fd = static_cast<uint64_t>(userns.get())
  };
  const unsigned flags = AT_EMPTY_PATH | (op.id_map == IdMap::kRecursive ? AT_RECURSIVE : 0U);
  const sys::Status mapped = sys::mount_setattr(tree, "", flags, attributes);
  if (!mapped.ok()) refuse_mapping(op, mapped.error());
}

// copy-symlink: a source that is a link is not mounted but made again.
void turn_into_link(MountOp& op) {
  char target[PATH_MAX];
  const sys::Result<size_t> size = sys::readlink_at(AT_FDCWD, op.source.c_str(), target, sizeof target);
  if (!size.ok()) return;
  op.kind = MountKind::kSymlink;
  op.source.assign(target, *size);
  op.link_must_match = true;
}

}  // namespace

void open_sources(const oci::Spec& spec, bool user_namespace, int container_userns, RootfsPlan& plan) {
  if ((user_namespace || plan.in_callers_namespace) && !plan.path.empty()) {
    plan.tree = copy_tree(plan.path, true, MayWait::kNo);
    if (plan.tree.valid()) detach_from_host(plan.tree.get(), plan.path);
    if (!plan.tree.valid() && plan.in_callers_namespace)
      throw Error(ErrorKind::kUnsupported,
                  "a container without a mount namespace of its own takes privileges in ours");
  }
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    MountOp& op = plan.mounts[i];
    if (op.copy_link) turn_into_link(op);
    if (op.kind != MountKind::kBind) continue;
    const bool mapped = op.id_map != IdMap::kNone;
    if (!op.inner_source.empty()) {
      if (mapped) op.mapping = mapping_namespace(spec.linux, op, container_userns);
      continue;
    }
    if (!mapped && (!user_namespace || op.must_be_procfs)) continue;
    // A cgroup has no ids to map.
    const bool is_there = mapped || i < plan.mounts_before_cgroup;
    op.tree =
        copy_tree(op.source, op.recursive_bind, is_there ? MayWait::kNo : MayWait::kYes, !op.source_link);
    if (!op.tree.valid() && mapped)
      throw Error(ErrorKind::kUnsupported, "mount source ", op.source,
                  ": mapped ids need privileges in the mount namespace that it is in");
    if (!op.tree.valid()) continue;
    if (!wants_shared(op)) detach_from_host(op.tree.get(), op.source);
    if (mapped) map_ids(op, op.tree.get(), mapping_namespace(spec.linux, op, container_userns));
  }
}

void map_inner_source(const MountOp& op, int tree) {
  map_ids(op, tree, op.mapping);
}

}  // namespace crunlite::rootfs
