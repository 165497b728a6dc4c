// SPDX-License-Identifier: Apache-2.0
// Reading the text of /proc/PID/mountinfo (proc(5)). Only for lists: where a decision about one object
// depends on its mount, ask that object (statx, fstatfs), because the text is a moment's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crunlite {

// Space, tab, newline and backslash are written there as three octal digits.
std::string unescape_mountinfo(std::string_view text);

// Where file systems of these types are mounted, the latest mount first.
std::vector<std::string> mount_points_of(std::string_view mountinfo,
                                         const std::vector<std::string_view>& types);

// The type of the file system of the mount with that number (statx(2), stx_mnt_id); empty: no such mount.
std::string filesystem_of_mount(std::string_view mountinfo, uint64_t mount_id);

}  // namespace crunlite
