// SPDX-License-Identifier: Apache-2.0
// Hides paths from the container (linux.maskedPaths) and takes the right to write from others
// (linux.readonlyPaths). After the root has been entered, with verified objects only. The child's code.
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// Files get the null device, directories one shared, empty, read-only tmpfs. Missing paths are fine.
sys::Status mask_paths(const RootedDir& root, const RootfsPlan& plan, Note& note);
sys::Status make_paths_read_only(const RootedDir& root, const RootfsPlan& plan, Note& note);

}  // namespace crunlite::rootfs
