// SPDX-License-Identifier: Apache-2.0
// The root of a container's mount namespace: what propagates, the mount that becomes the root, and the change
// into it. The child's code.
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// Before the first mount: nothing that is mounted from now on reaches the host, unless the specification says
// that the root is shared.
sys::Status set_initial_propagation(const RootfsPlan& plan, Note& note);

// Makes the root directory a mount of its own at its path and gives the directory: pivot_root(2) needs a
// mount, and every path of the container is resolved below this descriptor.
sys::Result<RootedDir> prepare_root(const RootfsPlan& plan, Note& note);

// Afterwards `/` is the container's root and the host's tree is gone.
sys::Status enter_root(const RootedDir& root, const RootfsPlan& plan, Note& note);

}  // namespace crunlite::rootfs
