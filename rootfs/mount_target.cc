// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_target.h"

#include <linux/magic.h>

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

constexpr int kMaxLinks = 40;  // path_resolution(7)
constexpr mode_t kDirMode = 0755;
constexpr mode_t kFileMode = 0644;

std::string_view parent_of(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

bool is_missing(const RootedDir& root, const PathText& path) {
  return root.open(path.c_str(), O_PATH).error() == ENOENT;
}

// If a part of `path` is a link that leads nowhere yet, puts what it leads to in its place. Images often have
// /etc/resolv.conf or /var/lock pointing at what exists only on a running system.
Status follow_one_dangling(const RootedDir& root, PathText& path, bool& followed) {
  followed = false;
  const std::string_view all = path.view();
  size_t end = 0;
  while (end < all.size()) {
    end = all.find('/', end + 1);
    const std::string_view rest = end < all.size() ? all.substr(end) : std::string_view();
    PathText part;
    part.set(all.substr(0, end));
    Result<RootedDir::Leaf> leaf = root.open_parent(part.c_str());
    if (leaf.error() == ENOENT) return sys::kOk;  // the parent is missing as well: nothing to follow
    if (leaf.error() == EINVAL) continue;         // "." or ".."
    if (!leaf.ok()) return leaf.status();
    char link[4096];
    Result<size_t> size = sys::readlink_at(leaf->parent.get(), leaf->name, link, sizeof link);
    if (size.error() == ENOENT) return sys::kOk;
    if (!size.ok() && size.error() != EINVAL) return size.status();
    if (!size.ok() || !is_missing(root, part)) continue;
    const std::string_view target(link, *size);
    PathText next;
    if (!target.starts_with('/')) next.add(parent_of(part.view()), "/");
    next.add(target, rest);
    if (next.truncated()) return Status(ENAMETOOLONG);
    path = next;
    followed = true;
    return sys::kOk;
  }
  return sys::kOk;
}

Status follow_dangling(const RootedDir& root, PathText& path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    bool followed = false;
    if (Status st = follow_one_dangling(root, path, followed); !st.ok() || !followed) return st;
  }
  return Status(ELOOP);
}

Result<UniqueFd> create_target(const RootedDir& root, const char* wanted, TargetKind kind) {
  PathText path;
  if (path.set(wanted).truncated()) return Status(ENAMETOOLONG);
  if (Status st = follow_dangling(root, path); !st.ok()) return st;
  if (kind == TargetKind::kDirectory) return root.make_dirs(path.c_str(), kDirMode);
  PathText parent;
  parent.set(parent_of(path.view()));
  if (!parent.empty()) {
    Result<UniqueFd> made = root.make_dirs(parent.c_str(), kDirMode);
    if (!made.ok()) return made;
  }
  Result<RootedDir::Leaf> leaf = root.open_parent(path.c_str());
  if (!leaf.ok()) return leaf.status();
  Result<UniqueFd> file =
      sys::open_at(leaf->parent.get(), leaf->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode);
  // Another container that shares the volume may have been faster.
  if (file.error() == EEXIST) return root.open(path.c_str(), O_PATH);
  return file;
}

Result<UniqueFd> open_real_directory(const RootedDir& root, const char* path) {
  Result<RootedDir::Leaf> leaf = open_leaf(root, path);
  if (!leaf.ok()) return leaf.status();
  if (Status st = sys::mkdir_at(leaf->parent.get(), leaf->name, kDirMode); !st.ok() && st.error() != EEXIST)
    return st;
  return sys::open_at(leaf->parent.get(), leaf->name, O_PATH | O_NOFOLLOW | O_DIRECTORY);
}

// A link counts as a file: it is mounted over without being followed.
Result<UniqueFd> open_as_it_is(const RootedDir& root, const char* path) {
  Result<RootedDir::Leaf> leaf = open_leaf(root, path);
  if (!leaf.ok()) return leaf.status();
  return sys::open_at(leaf->parent.get(), leaf->name, O_PATH | O_NOFOLLOW);
}

Status check_kind(int fd, TargetKind kind) {
  Result<struct stat> st = sys::fstat(fd);
  if (!st.ok()) return st.status();
  return S_ISDIR(st->st_mode) == (kind == TargetKind::kDirectory) ? sys::kOk : Status(ENOTDIR);
}

}  // namespace

Result<RootedDir::Leaf> open_leaf(const RootedDir& root, const char* path) {
  Result<RootedDir::Leaf> leaf = root.open_parent(path);
  if (leaf.error() != ENOENT) return leaf;
  PathText parent;
  if (parent.set(parent_of(path)).truncated()) return Status(ENAMETOOLONG);
  Result<UniqueFd> made = root.make_dirs(parent.c_str(), kDirMode);
  if (!made.ok()) return made.status();
  return root.open_parent(path);
}

Result<UniqueFd> open_mount_target(const RootedDir& root, const char* path, TargetKind kind,
                                   TargetRule rule) {
  if (rule == TargetRule::kRealDirectory) return open_real_directory(root, path);
  Result<UniqueFd> target =
      rule == TargetRule::kLastAsItIs ? open_as_it_is(root, path) : root.open(path, O_PATH);
  if (target.error() == ENOENT) target = create_target(root, path, kind);
  if (!target.ok()) return target;
  if (Status st = check_kind(target->get(), kind); !st.ok()) return st;
  return target;
}

bool on_procfs(int fd) {
  Result<struct statfs> fs = sys::fstatfs(fd);
  return fs.ok() && fs->f_type == PROC_SUPER_MAGIC;
}

}  // namespace crunlite::rootfs
