// SPDX-License-Identifier: Apache-2.0
// What one archive entry is to become in an overlay lower: the entry's name is split and checked, whiteouts
// are recognised, attributes that an image may not set are taken out. Pure; rootfs/layer_writer acts on it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "archive/tar_reader.h"

namespace crunlite::rootfs {

enum class EntryAction {
  kRoot,  // attributes of the layer's own directory
  kDirectory,
  kFile,
  kSymlink,
  kHardLink,
  kNode,      // device or fifo
  kWhiteout,  // `name` is hidden in the layers below
  kOpaque,    // everything in `parent` is hidden in the layers below
  kSkip,      // AUFS's own book-keeping
};

// A path below the layer's root, without `.`, `..`, leading or doubled slashes.
struct TreePath {
  std::string parent;  // "" is the root
  std::string name;    // one component; empty: the root itself
  std::string full() const { return parent.empty() ? name : parent + "/" + name; }
};

struct EntryPlan {
  EntryAction action = EntryAction::kSkip;
  TreePath path;
  TreePath link;  // the target of a hard link
  std::vector<std::string> warnings;
};

// Throws Error(kIntegrity) for names that leave the root or could not be made, reserved `.wh.` names, a root
// that is no directory, character devices 0:0 (overlay's own whiteouts). Removes from `entry` the extended
// attributes that steer overlay or the host's SELinux, with a warning each.
EntryPlan plan_entry(archive::TarEntry& entry);

// Splits and checks one name of an archive.
TreePath split_path(std::string_view text);

}  // namespace crunlite::rootfs
