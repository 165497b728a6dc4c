// SPDX-License-Identifier: Apache-2.0
// Device nodes and the links of /dev below a container's root. The child's code; a node is made where its
// directory really is inside the root, and nothing is made through a link (CVE-2026-41579).
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// mknod(2), or a bind of the host's verified node where that is denied. A node that is there already is kept
// if it is the same device; anything else is EEXIST.
sys::Status make_devices(const RootedDir& root, const RootfsPlan& plan, Note& note);
sys::Status make_links(const RootedDir& root, const RootfsPlan& plan, Note& note);

// Is this the null device itself (char 1:3)? Names prove nothing (CVE-2025-31133).
bool is_null_device(int fd);

}  // namespace crunlite::rootfs
