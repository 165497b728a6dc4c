// SPDX-License-Identifier: Apache-2.0
// Whole files of crun-lite's own: read with a limit, written so that a reader sees the old content or the
// new, never a part. Paths are relative to a directory descriptor (AT_FDCWD for the caller's own arguments).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace crunlite {

// Reads a regular file of at most `limit` bytes. A fifo, device or directory is refused without blocking.
// Throws SysError, or Error(kConfig) for what is not a regular file or too large.
std::string read_file(int dir, const std::string& path, size_t limit);
// The same from an open descriptor, from its current position. `name` is for the message.
std::string read_fd(int fd, std::string_view name, size_t limit);

enum class Durability {
  kRename,  // temp + rename: enough on /run, which does not survive a power cut anyway
  kSync,    // and fsync of file and directory: for the image store
};
// Replaces dir/name by temp + rename in the same directory. Throws SysError; leaves no temporary behind.
void write_file_atomic(int dir, const std::string& name, std::string_view content, mode_t mode,
                       Durability durability);

// mkdir -p for a trusted path of our own; every new directory gets `mode` whatever the umask. Gives the last
// one.
UniqueFd make_own_dirs(const std::string& path, mode_t mode);

// Removes a tree below `dir` that is ours; links are removed, not followed. A missing tree is fine.
void remove_tree(int dir, const std::string& name);

// The names in a directory, without "." and "..", sorted.
std::vector<std::string> list_dir(int dir, const std::string& path);

// `bytes` random bytes as lower-case hex (getrandom(2)).
std::string random_hex(size_t bytes);

}  // namespace crunlite
