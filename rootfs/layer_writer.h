// SPDX-License-Identifier: Apache-2.0
// Writes the entries of one layer archive into a directory that overlay can use as a lower: whiteouts become
// 0:0 devices, opaque markers an attribute. Works on descriptors of parents and single names, never through a
// link. Wants umask 0 and a working directory of its own (rootfs/layer_unpack sees to it).
#pragma once

#include <string>
#include <vector>

#include "archive/tar_reader.h"
#include "rootfs/layer_meta.h"
#include "rootfs/layer_plan.h"
#include "rootfs/layer_tree.h"

namespace crunlite::rootfs {

class LayerWriter {
 public:
  // `diff` is the empty directory to fill; `scratch` an empty file for what must wait until the end.
  LayerWriter(UniqueFd diff, UniqueFd scratch);

  // Writes one entry; `reader` gives its data. Throws Error naming the entry.
  void write(archive::TarEntry& entry, archive::TarReader& reader);
  // Completes the directories: their times, and the implicit ones. Call once, at the end.
  void finish();

  // Size, entries, implicit directories and opaque root are filled in.
  const LayerMeta& meta() const { return meta_; }
  // The first few; how many there were in all stands in warning_count().
  const std::vector<std::string>& warnings() const { return warnings_; }
  uint64_t warning_count() const { return warning_count_; }

 private:
  void apply(const EntryPlan& plan, const archive::TarEntry& entry, archive::TarReader& reader);
  void write_root(const archive::TarEntry& entry);
  void write_directory(const EntryPlan& plan, const archive::TarEntry& entry);
  void write_file(const EntryPlan& plan, const archive::TarEntry& entry, archive::TarReader& reader);
  void write_link(const EntryPlan& plan, const archive::TarEntry& entry);
  void write_hard_link(const EntryPlan& plan);
  void write_node(const EntryPlan& plan, const archive::TarEntry& entry);
  void write_whiteout(const TreePath& path);
  void write_opaque(const TreePath& path);

  // The parent of `path`, with nothing called path.name in it any more.
  int vacant_parent(const TreePath& path);
  void set_attributes(int fd, const archive::TarEntry& entry, mode_t mode, bool is_new);
  void set_xattr(int fd, const archive::TarEntry& entry, const std::string& name, const std::string& value);
  void set_link_attributes(int parent, const std::string& name, const archive::TarEntry& entry);
  void warn(std::string warning);

  // What can be done to a directory only when it is complete (rootfs/layer_finish.cc).
  void finish_later(const TreePath& path, const archive::TarEntry& entry);
  void flush_pending();
  void finish_directory(const std::string& path, mode_t mode, timespec mtime);

  const uid_t uid_ = ::geteuid();  // whom new files belong to without our asking
  const gid_t gid_ = ::getegid();
  bool owner_differs(const archive::TarEntry& entry) const { return entry.uid != uid_ || entry.gid != gid_; }

  LayerTree tree_;
  UniqueFd scratch_;
  std::string pending_;
  LayerMeta meta_;
  std::vector<std::string> warnings_;
  uint64_t warning_count_ = 0;
};

}  // namespace crunlite::rootfs
