// SPDX-License-Identifier: Apache-2.0
// User namespaces: the one that we are in, id maps as text and for a process, and one that nobody lives in,
// of which only the id maps are wanted, for a mount (MOUNT_ATTR_IDMAP).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/proc.h"
#include "base/unique_fd.h"

namespace crunlite {

// Its number on every machine (PROC_USER_INIT_INO). An identity map proves nothing.
inline constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;

struct IdRange {
  uint32_t inside = 0;
  uint32_t outside = 0;
  uint32_t size = 0;
};

// Whether we are in another than the initial one, where root may neither make devices nor change many a
// limit. No when that cannot be read.
bool in_user_namespace(const Proc& proc);

// user_namespaces(7): one "inside outside size" per line.
std::string id_map_text(const std::vector<IdRange>& map);

// Writes the maps of `pid`, gids first; `proc` is of our own pid namespace. Throws SysError.
void write_id_maps(const Proc& proc, pid_t pid, const std::vector<IdRange>& uids,
                   const std::vector<IdRange>& gids, bool deny_setgroups);

// Throws SysError.
UniqueFd make_user_namespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids);

}  // namespace crunlite
