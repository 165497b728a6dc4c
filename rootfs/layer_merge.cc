// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_merge.h"

#include <linux/openat2.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "rootfs/attributes.h"

namespace crunlite::rootfs {
namespace {

struct OpenLayer {
  UniqueFd root;
  std::set<std::string> implicit;
};

// Opens one directory of one layer without following a link; nothing when it is not a directory there.
std::optional<UniqueFd> open_directory(int root, const std::string& path) {
  UniqueFd dir = check(sys::open_at(root, ".", O_RDONLY | O_DIRECTORY), "open layer");
  for (const std::string_view component : split(path, '/')) {
    if (component.empty()) continue;
    auto next = sys::open_at(dir.get(), std::string(component).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!next.ok() && (next.error() == ENOENT || next.error() == ENOTDIR || next.error() == ELOOP))
      return std::nullopt;
    dir = check(std::move(next), "open ", quote(path));
  }
  return dir;
}

// Whether this layer hides `path` in the layers below: something on the way is opaque, or is no directory.
bool hides_below(int root, const std::string& path) {
  UniqueFd dir = check(sys::open_at(root, ".", O_RDONLY | O_DIRECTORY), "open layer");
  for (const std::string_view component : split(path, '/')) {
    if (component.empty()) continue;
    auto next = sys::open_at(dir.get(), std::string(component).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!next.ok()) return next.error() != ENOENT;
    dir = std::move(*next);
    char opaque = 0;
    if (sys::get_xattr(dir.get(), "trusted.overlay.opaque", &opaque, 1).ok() && opaque == 'y') return true;
  }
  return false;
}

// What the merged directory should look like: the uppermost layer that really has it decides. Nothing when
// the merged tree has no such directory.
struct Effective {
  Attributes attributes;
  bool differs = false;  // from what overlay would show
};
std::optional<Effective> effective_attributes(const std::vector<OpenLayer>& layers, const std::string& path) {
  std::optional<Attributes> shown;
  for (const OpenLayer& layer : layers) {
    const std::optional<UniqueFd> dir = open_directory(layer.root.get(), path);
    if (dir) {
      Attributes here = read_attributes(dir->get());
      if (!shown) shown = here;
      if (!layer.implicit.contains(path)) return Effective{here, !same_attributes(*shown, here)};
    }
    if (hides_below(layer.root.get(), path)) break;
  }
  if (!shown) return std::nullopt;
  return Effective{*shown, false};
}

// "a/b/c" -> "", "a", "a/b", "a/b/c".
std::vector<std::string> with_ancestors(const std::string& path) {
  std::vector<std::string> out = {""};
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    out.push_back(path.substr(0, slash));
  if (!path.empty()) out.push_back(path);
  return out;
}

void make_directories(int merge, const std::set<std::string>& paths, const std::vector<OpenLayer>& layers) {
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    check(sys::mkdir_at(merge, path.c_str(), 0700), "create directory ", quote(path));
  }
  // From the deepest, so that no directory's time is changed after it has been set.
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    const auto effective = effective_attributes(layers, *path);
    const std::optional<UniqueFd> dir = open_directory(merge, *path);
    if (effective && dir) apply_attributes(dir->get(), effective->attributes);
  }
}

}  // namespace

bool make_merge_layer(const std::vector<LayerView>& views, int merge) {
  std::vector<OpenLayer> layers;
  std::set<std::string> candidates;
  for (const LayerView& view : views) {
    const auto& implicit = view.meta->implicit_dirs;
    layers.push_back({.root = check(sys::open_at(AT_FDCWD, view.diff.c_str(), O_RDONLY | O_DIRECTORY),
                                    "open layer ", view.diff),
                      .implicit = std::set<std::string>(implicit.begin(), implicit.end())});
    candidates.insert(implicit.begin(), implicit.end());
  }
  std::set<std::string> wanted;
  for (const std::string& path : candidates) {
    const auto effective = effective_attributes(layers, path);
    if (!effective || !effective->differs) continue;
    for (std::string& ancestor : with_ancestors(path)) wanted.insert(std::move(ancestor));
  }
  if (wanted.empty()) return false;
  make_directories(merge, wanted, layers);
  return true;
}

std::vector<size_t> effective_layers(const std::vector<const LayerMeta*>& uppermost_first) {
  std::vector<size_t> out;
  std::set<std::string_view> seen;
  for (size_t i = 0; i < uppermost_first.size(); ++i) {
    if (seen.insert(uppermost_first[i]->diff_id).second) out.push_back(i);
    if (uppermost_first[i]->opaque_root) break;
  }
  return out;
}

}  // namespace crunlite::rootfs
