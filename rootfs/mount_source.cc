// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_source.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/user_namespace.h"
#include "rootfs/mount_options.h"
#include "rootfs/mount_plan.h"

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
UniqueFd copy_tree(const std::string& path, bool recursive, MayWait may_wait) {
  const unsigned flags = static_cast<unsigned>(OPEN_TREE_CLONE) | (recursive ? AT_RECURSIVE : 0U);
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
UniqueFd mapping_namespace(const oci::Spec& spec, const oci::Mount& mount, int container_userns) {
  if (!mount.uid_mappings.empty() || !mount.gid_mappings.empty())
    return make_user_namespace(ranges(mount.uid_mappings), ranges(mount.gid_mappings));
  if (container_userns >= 0) return check(sys::dup(container_userns), "dup");
  if (spec.linux.uid_mappings.empty())
    throw Error(ErrorKind::kConfig,
                "an idmap mount needs uidMappings and gidMappings, its own or the container's");
  return make_user_namespace(ranges(spec.linux.uid_mappings), ranges(spec.linux.gid_mappings));
}

void map_ids(const oci::Spec& spec, const oci::Mount& mount, bool recursive, int container_userns,
             MountOp& op) {
  const UniqueFd userns = mapping_namespace(spec, mount, container_userns);
  const struct mount_attr attributes {
    .attr_set = MOUNT_ATTR_IDMAP, .attr_clr = 0, .propagation = 0,
    .userns_fd = static_cast<uint64_t>(userns.get())
  };
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  check(sys::mount_setattr(op.tree.get(), "", flags, attributes), "map the ids of mount source ", op.source);
}

const oci::Mount* wants_mapping(const oci::Spec& spec, const MountOp& op) {
  // One operation per bind mount, in the document's order; destinations may repeat.
  for (const oci::Mount& mount : spec.mounts) {
    if (clean_path(mount.destination) != op.destination) continue;
    const bool has_maps = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
    if (has_maps || parse_mount_options(mount.options).id_map != MountOptions::IdMap::kNone) return &mount;
  }
  return nullptr;
}

}  // namespace

void open_sources(const oci::Spec& spec, bool user_namespace, int container_userns, RootfsPlan& plan) {
  if (user_namespace) {
    plan.tree = copy_tree(plan.path, true, MayWait::kNo);
    if (plan.tree.valid()) detach_from_host(plan.tree.get(), plan.path);
  }
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    MountOp& op = plan.mounts[i];
    if (op.kind != MountKind::kBind) continue;
    const oci::Mount* mapped = wants_mapping(spec, op);
    if (!mapped && (!user_namespace || op.must_be_procfs)) continue;
    op.tree =
        copy_tree(op.source, op.recursive_bind, i < plan.mounts_before_cgroup ? MayWait::kNo : MayWait::kYes);
    if (!op.tree.valid() && mapped)
      throw Error(ErrorKind::kUnsupported, "mount source ", op.source,
                  ": mapped ids need privileges in the mount namespace that it is in");
    if (!op.tree.valid()) continue;
    if (!wants_shared(op)) detach_from_host(op.tree.get(), op.source);
    if (!mapped) continue;
    const bool recursive = parse_mount_options(mapped->options).id_map == MountOptions::IdMap::kRecursive;
    map_ids(spec, *mapped, recursive, container_userns, op);
  }
}

}  // namespace crunlite::rootfs
