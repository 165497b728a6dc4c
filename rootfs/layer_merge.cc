// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_merge.h"

#include <linux/openat2.h>

#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "rootfs/attributes.h"

namespace crunlite::rootfs {
namespace {

// Opens one directory of one layer without following a link; nothing when it is not a directory there.
std::optional<UniqueFd> open_directory(int root, const std::string& path) {
  constexpr uint64_t kInside = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  auto dir = sys::openat2(root, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY, kInside);
  if (!dir.ok() && (dir.error() == ENOENT || dir.error() == ENOTDIR || dir.error() == ELOOP))
    return std::nullopt;
  return check(std::move(dir), "open ", quote(path));
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

class OpenLayer {
 public:
  explicit OpenLayer(const LayerView& view)
      : root_(check(sys::open_at(AT_FDCWD, view.diff.c_str(), O_RDONLY | O_DIRECTORY), "open layer ",
                    view.diff)),
        implicit_(view.meta->implicit_dirs.begin(), view.meta->implicit_dirs.end()) {}

  std::optional<UniqueFd> open(const std::string& path) const { return open_directory(root_.get(), path); }
  bool is_implicit(const std::string& path) const { return implicit_.contains(path); }

  // Whether this layer hides `path` in the layers below: it or something on the way is opaque or no
  // directory. Remembered, because deep paths are asked for once per ancestor.
  bool hides_below(const std::string& path) const {
    if (path.empty()) return false;
    if (const auto known = hides_.find(path); known != hides_.end()) return known->second;
    const bool hides = hides_below(parent_of(path)) || hides_itself(path);
    hides_.emplace(path, hides);
    return hides;
  }

 private:
  bool hides_itself(const std::string& path) const {
    const std::optional<UniqueFd> dir = open(path);
    if (!dir) {
      const std::optional<UniqueFd> parent = open(parent_of(path));
      const std::string name = path.substr(path.rfind('/') + 1);
      return parent && sys::stat_at(parent->get(), name.c_str(), AT_SYMLINK_NOFOLLOW).ok();
    }
    char opaque = 0;
    return sys::get_xattr(dir->get(), "trusted.overlay.opaque", &opaque, 1).ok() && opaque == 'y';
  }

  UniqueFd root_;
  std::set<std::string> implicit_;
  mutable std::map<std::string, bool> hides_;
};

// What the merged directory should look like: the uppermost layer that really has it decides. Nothing when
// the merged tree has no such directory.
struct Effective {
  Attributes attributes;
  bool differs = false;  // from what overlay would show
};
std::optional<Effective> effective_attributes(const std::vector<OpenLayer>& layers, const std::string& path) {
  std::optional<Attributes> shown;
  for (const OpenLayer& layer : layers) {
    const std::optional<UniqueFd> dir = layer.open(path);
    if (dir) {
      Attributes here = read_attributes(dir->get());
      if (!shown) shown = here;
      if (!layer.is_implicit(path)) return Effective{here, !same_attributes(*shown, here)};
    }
    if (layer.hides_below(path)) break;
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
  if (views.size() < 2) return false;  // nothing below whose attributes could be hidden
  std::vector<OpenLayer> layers;
  std::set<std::string> candidates;
  for (const LayerView& view : views) {
    const auto& implicit = view.meta->implicit_dirs;
    layers.emplace_back(view);
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
