// SPDX-License-Identifier: Apache-2.0
// Who the container runs as: the text of -u or of the image's User, resolved with the passwd and group files
// inside the image. Digits are always a number and never a name (CVE-2026-30892), and a file that is huge, a
// fifo or a link out of the image can neither hang us nor be read (CVE-2026-47262). NSS is never asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rooted_dir.h"

namespace crunlite::engine {

struct PasswdEntry {
  std::string name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string home;
};
struct GroupEntry {
  std::string name;
  uint32_t gid = 0;
  std::vector<std::string> members;
};
// Lines that are not in the format are skipped, as getpwent(3) does; so are ids above 4294967294.
std::vector<PasswdEntry> parse_passwd(std::string_view text);
std::vector<GroupEntry> parse_group(std::string_view text);

struct ResolvedUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;  // the primary one and the listed ones, without repetition
  std::string home = "/";
};

struct Accounts {
  std::vector<PasswdEntry> passwd;
  std::vector<GroupEntry> group;
};
// Reads /etc/passwd and /etc/group below `root`: regular files of at most 1 MiB. Missing ones are empty,
// others are an error.
Accounts read_accounts(const RootedDir& root);

// `user` is "", "name", "uid", and either with ":group" or ":gid". Empty is uid 0. A uid without a passwd
// entry has gid 0 and no further groups. Throws Error(kConfig) with docker's words for names that are not
// there.
ResolvedUser resolve_user(std::string_view user, const std::vector<std::string>& extra_groups,
                          const Accounts& accounts);

}  // namespace crunlite::engine
