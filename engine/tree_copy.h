// SPDX-License-Identifier: Apache-2.0
// Copies what an image has in a directory into a new, empty volume, with owners, modes, times and extended
// attributes. By descriptors, following no link: the source is the image's, and hostile. Sockets are left
// out.
#pragma once

namespace crunlite::engine {

// From and to open directories; the target gets the owner and mode of the source, too. Throws SysError.
void copy_tree(int from, int to);

}  // namespace crunlite::engine
