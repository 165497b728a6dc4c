// SPDX-License-Identifier: Apache-2.0
// Copies a directory into an empty one: what a tmpfs with the option tmpcopyup hides. Owners, modes, times,
// extended attributes, links of both kinds and fifos are kept; devices where they may be made; sockets are
// not copied. The child's code.
#pragma once

#include "base/sys.h"

namespace crunlite::rootfs {

// Both are open for reading. The target gets the source's attributes.
sys::Status copy_directory(int source, int target);

}  // namespace crunlite::rootfs
