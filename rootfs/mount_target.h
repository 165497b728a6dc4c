// SPDX-License-Identifier: Apache-2.0
// Mount points below a container's root: found, or made, without leaving it, and given back as a descriptor
// that the mount is then attached to; the path is not used again. The child's code.
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

enum class TargetKind { kDirectory, kFile };

// An O_PATH descriptor of `path`, which is created (with its parents) when it is missing; a link whose target
// is missing gets it. ENOTDIR when something of the other kind stands there.
sys::Result<UniqueFd> open_mount_target(const RootedDir& root, const char* path, TargetKind kind,
                                        TargetRule rule);

// The directory that holds the last component, made with its parents when it is missing, and that component.
sys::Result<RootedDir::Leaf> open_leaf(const RootedDir& root, const char* path);

// Does the descriptor lie on a procfs?
bool on_procfs(int fd);

}  // namespace crunlite::rootfs
