// SPDX-License-Identifier: Apache-2.0
// Executes the mount operations of a plan below a root. The child's code: on failure `note` says what was
// mounted where.
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// The operations [first, last) of the plan.
sys::Status execute_mounts(const RootedDir& root, const RootfsPlan& plan, size_t first, size_t last,
                           Note& note);

// One operation in a container that runs and moves its directories about meanwhile: the place is looked up
// once, and what is mounted there is complete before it is to be seen. Its own descriptor stays in `op.tree`,
// to take it off again. Not for remounts: see the next.
sys::Status mount_live(const RootedDir& root, MountOp& op, Note& note);

// The operation kRemount, of the mount whose root this is.
sys::Status remount(int mounted, const MountOp& op);

// Makes the tree of an operation with an inner source, before it is executed.
sys::Status open_inner_source(const RootedDir& root, MountOp& op, Note& note);

// What could not be read-only while mount points and devices were made, and the root itself last. Also its
// being unbindable.
sys::Status finish_read_only(const RootedDir& root, const RootfsPlan& plan, Note& note);

}  // namespace crunlite::rootfs
