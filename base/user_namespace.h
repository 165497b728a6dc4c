// SPDX-License-Identifier: Apache-2.0
// A user namespace that nobody lives in: only its id maps are wanted, for a mount (MOUNT_ATTR_IDMAP). Also
// the text of such maps, and writing them for a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/proc.h"
#include "base/unique_fd.h"

namespace crunlite {

struct IdRange {
  uint32_t inside = 0;
  uint32_t outside = 0;
  uint32_t size = 0;
};

// user_namespaces(7): one "inside outside size" per line.
std::string id_map_text(const std::vector<IdRange>& map);

// Writes the maps of `pid`, gids first; `proc` is of our own pid namespace. Throws SysError.
void write_id_maps(const Proc& proc, pid_t pid, const std::vector<IdRange>& uids,
                   const std::vector<IdRange>& gids, bool deny_setgroups);

// Throws SysError.
UniqueFd make_user_namespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids);

}  // namespace crunlite
