// SPDX-License-Identifier: Apache-2.0
// Copies a directory into an empty one: what a tmpfs with the option tmpcopyup hides. Owners, modes and links
// are kept; devices, sockets and extended attributes are not copied. The child's code.
#pragma once

#include "base/sys.h"

namespace crunlite::rootfs {

// Both are open for reading. The target gets the source's owner and mode.
sys::Status copy_directory(int source, int target);

}  // namespace crunlite::rootfs
