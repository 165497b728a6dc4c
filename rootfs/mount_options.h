// SPDX-License-Identifier: Apache-2.0
// The vocabulary of mount options (runtime-spec config.md, "Linux mount options"): one table from which they
// are parsed and which `features` prints. Options that are not in it are data for the file system.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

struct MountOptions {
  unsigned long flags = 0;  // MS_* of this mount
  AttrChange attributes;    // the same flags as attributes, with what was cleared explicitly
  AttrChange recursive;     // rro, rnosuid, …
  std::vector<unsigned long> propagation;
  bool bind = false;
  bool recursive_bind = false;
  bool remount = false;
  bool copy_up = false;
  bool copy_link = false;    // copy-symlink: a link as source is made again at the destination
  bool source_link = false;  // src-nofollow: a link as source is itself what is mounted
  bool target_link = false;  // dest-nofollow: a link at the destination is itself what is mounted over
  IdMap id_map = IdMap::kNone;
  std::string id_map_text;  // what crun's form of the option has behind its "=" (rootfs/id_map_text.h)
  std::string data;
};

MountOptions parse_mount_options(const std::vector<std::string>& options);

// Every option of the table, sorted: the document's "mountOptions".
std::vector<std::string> mount_option_names();

}  // namespace crunlite::rootfs
