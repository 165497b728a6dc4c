// SPDX-License-Identifier: Apache-2.0
// The directories of a layer under construction. Every name that an archive gives is resolved here, inside
// the layer's root (P1 of docs/security.md): entries get a descriptor of their parent and one component.
// Missing parents are made and remembered as implicit.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/rooted_dir.h"

namespace crunlite::rootfs {

class LayerTree {
 public:
  // More implicit directories than this is an attack on memory, not a layer.
  static constexpr size_t kMaxImplicitDirs = 65536;
  static constexpr size_t kMaxImplicitBytes = 4u << 20;

  explicit LayerTree(UniqueFd root) : root_(std::move(root)) {}

  int root() const { return root_.fd(); }

  // A descriptor of the directory `path` ("" is the root), valid until the next call. Links that earlier
  // entries made are followed inside the root. Makes what is missing, 0755.
  int open_dir(const std::string& path);
  // As open_dir() for what must be there already, without following any link; -1 when it is not there.
  int find_dir(const std::string& path);

  // Makes room for `name` in `parent`: what is there is removed, unless both are directories. `path` is the
  // full name. Tells what was found; after kReplaced, descriptors that open_dir() gave are closed.
  enum class Found { kNothing, kDirectory, kReplaced, kWhiteout };
  Found make_room(int parent, const std::string& name, const std::string& path, bool for_directory);

  // The archive has an entry for this directory.
  void declare(const std::string& path) { implicit_.erase(path); }
  const std::set<std::string>& implicit_dirs() const { return implicit_; }
  // Whether a directory has ever been replaced, so that names seen earlier may mean something else now.
  bool replaced_any() const { return replaced_any_; }

  // trusted.overlay.opaque on the directory `name` of `parent`.
  static void make_opaque(int parent, const char* name);
  static bool is_whiteout(const struct stat& st);

 private:
  struct Cached {
    std::string path;
    UniqueFd fd;
    bool through_links = true;  // found by open_dir(), which follows them
  };
  std::optional<int> lookup(const std::string& path, bool through_links);
  int remember(const std::string& path, UniqueFd fd, bool through_links);
  UniqueFd make_dir(const std::string& path);
  void note_implicit(const std::string& path);
  void forget_below(const std::string& path);

  RootedDir root_;
  std::vector<Cached> cache_;  // most recently used first
  std::set<std::string> implicit_ = {""};
  size_t implicit_bytes_ = 0;
  bool replaced_any_ = false;
};

}  // namespace crunlite::rootfs
