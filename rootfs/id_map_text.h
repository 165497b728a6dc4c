// SPDX-License-Identifier: Apache-2.0
// The id maps of one mount: its own uidMappings and gidMappings, or those that crun's callers write into the
// option itself. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/user_namespace.h"
#include "oci/spec.h"

namespace crunlite::rootfs {

struct MountIdMaps {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
};

// `option` is empty or "idmap=uids=FROM-TO-SIZE#…;gids=…"; a list that begins with @ has the container's own
// ids as TO. On failure `problem` says why, and the result is empty.
MountIdMaps mount_id_maps(const oci::Mount& mount, std::string_view option, const oci::Linux& linux,
                          std::string& problem);

}  // namespace crunlite::rootfs
