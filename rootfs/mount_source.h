// SPDX-License-Identifier: Apache-2.0
// Opens the sources of a plan in the parent, as detached copies, where the child could not: in a user
// namespace it may not be allowed to walk to them, and only a privileged process may map the ids of a mount
// (MOUNT_ATTR_IDMAP). Nothing is attached here.
#pragma once

#include "oci/spec.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// `user_namespace`: the container gets one, new or joined; `container_userns` is its descriptor if it exists
// already, else -1 and spec.linux.uid_mappings are what it will have. Throws Error.
void open_sources(const oci::Spec& spec, bool user_namespace, int container_userns, RootfsPlan& plan);

// Maps the ids of the tree that the child has made of an inner source, where is_mapped_by_parent(op). Throws
// Error(kUnsupported) for a file system that cannot.
void map_inner_source(const MountOp& op, int tree);

}  // namespace crunlite::rootfs
