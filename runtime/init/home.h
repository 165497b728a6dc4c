// SPDX-License-Identifier: Apache-2.0
// The home directory of a user from the image's /etc/passwd, which is hostile: a bounded read of a regular
// file inside the root, no NSS (CVE-2019-14271, SECURITY R14). The child's code.
#pragma once

#include "base/note.h"
#include "base/rooted_dir.h"

namespace crunlite::runtime {

// Sets `home` to "HOME=…"; "HOME=/" when the file says nothing usable.
void find_home(const RootedDir& root, uid_t uid, PathText& home);

}  // namespace crunlite::runtime
