// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_tree.h"

#include <linux/openat2.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::rootfs {
namespace {

constexpr size_t kCacheSize = 16;
constexpr int kDirectory = O_PATH | O_DIRECTORY;

// Link-free descent for kernels without openat2.
sys::Result<UniqueFd> open_without_links(int root, const std::string& path) {
  sys::Result<UniqueFd> opened =
      sys::openat2(root, path.empty() ? "." : path.c_str(), static_cast<uint64_t>(kDirectory),
                   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (opened.ok() || (opened.error() != ENOSYS && opened.error() != EPERM)) return opened;
  opened = sys::open_at(root, ".", kDirectory);
  for (const std::string_view component : split(path, '/')) {
    if (component.empty() || !opened.ok()) continue;
    opened = sys::open_at(opened->get(), std::string(component).c_str(), kDirectory | O_NOFOLLOW);
  }
  return opened;
}

}  // namespace

bool LayerTree::is_whiteout(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

void LayerTree::make_opaque(int parent, const char* name) {
  const UniqueFd dir =
      check(sys::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open ", quote(name));
  check(sys::set_xattr(dir.get(), "trusted.overlay.opaque", "y"), "make ", quote(name),
        " opaque (trusted.overlay.opaque)");
}

std::optional<int> LayerTree::lookup(const std::string& path, bool through_links) {
  const auto found = std::find_if(cache_.begin(), cache_.end(), [&](const Cached& cached) {
    return cached.through_links == through_links && cached.path == path;
  });
  if (found == cache_.end()) return std::nullopt;
  std::rotate(cache_.begin(), found, found + 1);
  return cache_.front().fd.get();
}

int LayerTree::remember(const std::string& path, UniqueFd fd, bool through_links) {
  if (cache_.size() == kCacheSize) cache_.pop_back();
  cache_.insert(cache_.begin(), Cached{.path = path, .fd = std::move(fd), .through_links = through_links});
  return cache_.front().fd.get();
}

int LayerTree::open_dir(const std::string& path) {
  if (const std::optional<int> cached = lookup(path, true)) return *cached;
  sys::Result<UniqueFd> dir = root_.open(path.empty() ? "." : path.c_str(), kDirectory);
  if (!dir.ok() && (dir.error() == ENOENT || dir.error() == ENOTDIR)) dir = make_dir(path);
  return remember(path, check(std::move(dir), "open directory ", quote(path)), true);
}

int LayerTree::find_dir(const std::string& path) {
  if (const std::optional<int> cached = lookup(path, false)) return *cached;
  sys::Result<UniqueFd> dir = open_without_links(root_.fd(), path);
  if (dir.ok()) return remember(path, std::move(*dir), false);
  if (dir.error() == ENOENT || dir.error() == ENOTDIR || dir.error() == ELOOP) return -1;
  check(std::move(dir), "open directory ", quote(path));
  return -1;
}

UniqueFd LayerTree::make_dir(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const int up = open_dir(parent);
  sys::Status made = sys::mkdir_at(up, name.c_str(), 0755);
  if (made.error() == EEXIST) {
    const struct stat st = check(sys::stat_at(up, name.c_str(), AT_SYMLINK_NOFOLLOW), "stat ", quote(path));
    if (!is_whiteout(st))
      throw Error(ErrorKind::kIntegrity, quote(path), ": is used as a directory but is none");
    // Hidden below and made anew in this layer: only what this layer puts there is to be seen.
    check(sys::unlink_at(up, name.c_str()), "remove whiteout ", quote(path));
    check(sys::mkdir_at(up, name.c_str(), 0755), "create directory ", quote(path));
    make_opaque(up, name.c_str());
    made = sys::kOk;
  }
  check(made, "create directory ", quote(path));
  note_implicit(path);
  return check(sys::open_at(up, name.c_str(), kDirectory | O_NOFOLLOW), "open directory ", quote(path));
}

void LayerTree::note_implicit(const std::string& path) {
  implicit_bytes_ += path.size();
  if (implicit_.size() == kMaxImplicitDirs || implicit_bytes_ > kMaxImplicitBytes)
    throw Error(ErrorKind::kIntegrity, "more than ", kMaxImplicitDirs,
                " directories have no entry in the archive");
  implicit_.insert(path);
}

void LayerTree::forget_below(const std::string& path) {
  cache_.clear();
  replaced_any_ = true;
  implicit_.erase(path);
  const std::string prefix = path + "/";
  auto it = implicit_.lower_bound(prefix);
  while (it != implicit_.end() && it->starts_with(prefix)) it = implicit_.erase(it);
}

LayerTree::Found LayerTree::make_room(int parent, const std::string& name, const std::string& path,
                                      bool for_directory) {
  const sys::Result<struct stat> st = sys::stat_at(parent, name.c_str(), AT_SYMLINK_NOFOLLOW);
  if (!st.ok() && st.error() == ENOENT) return Found::kNothing;
  check(st.status(), "stat ", quote(path));
  if (S_ISDIR(st->st_mode)) {
    if (for_directory) return Found::kDirectory;
    const UniqueFd keep = check(sys::dup(parent), "keep ", quote(path));
    forget_below(path);
    remove_tree(keep.get(), name);
    return Found::kReplaced;
  }
  check(sys::unlink_at(parent, name.c_str()), "replace ", quote(path));
  if (is_whiteout(*st)) return Found::kWhiteout;
  // A link may have been a directory to others.
  if (S_ISLNK(st->st_mode)) forget_below(path);
  return Found::kReplaced;
}

}  // namespace crunlite::rootfs
