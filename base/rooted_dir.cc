// SPDX-License-Identifier: Apache-2.0
#include "base/rooted_dir.h"

#include <linux/openat2.h>
#include <sys/stat.h>

#include <cstring>

namespace crunlite {
namespace {

using sys::Result;
using sys::Status;

constexpr int kMaxLinks = 40;          // as path_resolution(7) has it
constexpr int kMaxRenameRetries = 64;  // openat2 gives EAGAIN when a rename races with `..`

// A path that has been resolved: no links, no `.` or `..`, relative to the root.
struct ResolvedPath {
  char text[PATH_MAX] = {};
  size_t size = 0;

  Status append(const char* name, size_t length) {
    if (size + length + 2 > sizeof text) return Status(ENAMETOOLONG);
    if (size) text[size++] = '/';
    std::memcpy(text + size, name, length);
    size += length;
    text[size] = 0;
    return sys::kOk;
  }
  void drop_last() {
    while (size && text[size - 1] != '/') --size;
    if (size) --size;
    text[size] = 0;
  }
};

// Opens a link-free relative path one component at a time, so that no component is followed even if it has
// been swapped for a link since it was looked at.
Result<UniqueFd> open_components(int root, const char* path) {
  Result<UniqueFd> current = sys::open_at(root, ".", O_PATH | O_DIRECTORY);
  while (current.ok() && *path) {
    const size_t length = std::strcspn(path, "/");
    char name[NAME_MAX + 1];
    if (length > NAME_MAX) return Status(ENAMETOOLONG);
    std::memcpy(name, path, length);
    name[length] = 0;
    path += length + (path[length] == '/');
    current = sys::open_at(current->get(), name, O_PATH | O_NOFOLLOW);
  }
  return current;
}

// What is left to resolve; links put their text in front.
struct PendingPath {
  char text[PATH_MAX] = {};

  Status prepend(const char* link, size_t length) {
    const size_t rest = std::strlen(text);
    if (length + rest + 2 > sizeof text) return Status(ENAMETOOLONG);
    std::memmove(text + length + 1, text, rest + 1);
    std::memcpy(text, link, length);
    text[length] = '/';
    return sys::kOk;
  }
  // Takes the first component off; its length is 0 at the end.
  Result<size_t> pop(char (&name)[NAME_MAX + 1]) {
    const size_t start = std::strspn(text, "/");
    const size_t length = std::strcspn(text + start, "/");
    if (length > NAME_MAX) return Status(ENAMETOOLONG);
    std::memcpy(name, text + start, length);
    name[length] = 0;
    std::memmove(text, text + start + length, std::strlen(text + start + length) + 1);
    return length;
  }
};

// RESOLVE_NO_MAGICLINKS: a magic link is a link on procfs whose target is not the text it shows.
bool on_procfs(int fd) {
  constexpr long kProcSuperMagic = 0x9fa0;
  Result<struct statfs> fs = sys::fstatfs(fd);
  return fs.ok() && fs->f_type == kProcSuperMagic;
}

// RESOLVE_NO_MAGICLINKS by hand. The links in the root of a procfs (self, net, mounts) are plain ones; below
// a process (fd/N, cwd, root, ns/*) they lead to objects that their text does not name.
bool is_magic_link(int root, const ResolvedPath& directory, int link) {
  constexpr ino_t kProcRootInode = 1;
  if (!on_procfs(link)) return false;
  Result<UniqueFd> parent = open_components(root, directory.text);
  if (!parent.ok()) return true;
  Result<struct stat> st = sys::fstat(parent->get());
  return !st.ok() || st->st_ino != kProcRootInode;
}

// RESOLVE_IN_ROOT by hand: where `path` leads, as a link-free path. The last component may be missing.
Status resolve_in_root(int root, const char* path, bool follow_last, ResolvedPath& resolved) {
  PendingPath pending;
  if (std::strlen(path) + 1 > sizeof pending.text) return Status(ENAMETOOLONG);
  std::memcpy(pending.text, path, std::strlen(path) + 1);
  const bool wants_directory = *path && path[std::strlen(path) - 1] == '/';
  int links = 0;
  char name[NAME_MAX + 1];
  for (;;) {
    Result<size_t> length = pending.pop(name);
    if (!length.ok()) return length.status();
    if (*length == 0) return sys::kOk;
    if (std::strcmp(name, ".") == 0) continue;
    if (std::strcmp(name, "..") == 0) {
      resolved.drop_last();  // `..` of the root is the root
      continue;
    }
    const bool last = std::strspn(pending.text, "/") == std::strlen(pending.text);
    ResolvedPath here = resolved;
    if (Status st = here.append(name, *length); !st.ok()) return st;
    Result<UniqueFd> object = open_components(root, here.text);
    if (!object.ok()) {
      if (object.error() != ENOENT || !last) return object.status();
      resolved = here;
      return sys::kOk;
    }
    Result<struct stat> st = sys::fstat(object->get());
    if (!st.ok()) return st.status();
    if (!S_ISLNK(st->st_mode) || (last && !follow_last && !wants_directory)) {
      if (!last && !S_ISDIR(st->st_mode)) return Status(S_ISLNK(st->st_mode) ? ELOOP : ENOTDIR);
      resolved = here;
      continue;
    }
    if (++links > kMaxLinks || is_magic_link(root, resolved, object->get())) return Status(ELOOP);
    char link[PATH_MAX];
    Result<size_t> size = sys::readlink_at(object->get(), "", link, sizeof link);
    if (!size.ok()) return size.status();
    if (*size == sizeof link) return Status(ENAMETOOLONG);
    if (link[0] == '/') resolved = ResolvedPath();
    if (Status joined = pending.prepend(link, *size); !joined.ok()) return joined;
  }
}

Result<UniqueFd> open_by_walk(int root, const char* path, int flags, mode_t mode) {
  ResolvedPath resolved;
  if (!*path) return Status(ENOENT);
  const bool follow = !(flags & O_NOFOLLOW) && !((flags & O_CREAT) && (flags & O_EXCL));
  if (Status st = resolve_in_root(root, path, follow, resolved); !st.ok()) return st;
  if (resolved.size == 0) return sys::open_at(root, ".", flags & ~O_NOFOLLOW, mode);
  ResolvedPath parent = resolved;
  parent.drop_last();
  const char* name = resolved.text + parent.size + (parent.size ? 1 : 0);
  Result<UniqueFd> dir = open_components(root, parent.text);
  if (!dir.ok()) return dir;
  Result<UniqueFd> opened = sys::open_at(dir->get(), name, flags | O_NOFOLLOW, mode);
  if (opened.ok() && on_procfs(opened->get())) {
    Result<struct stat> st = sys::fstat(opened->get());
    if (st.ok() && S_ISLNK(st->st_mode) && follow) return Status(ELOOP);
  }
  return opened;
}

bool kernel_lacks_openat2(int error) {
  // EPERM: seccomp profiles older than the call answer so (moby #42680).
  return error == ENOSYS || error == EPERM;
}

}  // namespace

Result<RootedDir> RootedDir::open_trusted(const char* path, Resolver resolver) {
  Result<UniqueFd> dir = sys::open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
  if (!dir.ok()) return dir.status();
  return RootedDir(std::move(*dir), resolver);
}

Result<UniqueFd> RootedDir::open(const char* path, int flags, mode_t mode) const {
  if (resolver_ == Resolver::kWalk) return open_by_walk(fd(), path, flags, mode);
  // openat2 refuses what openat ignores: a mode without O_CREAT, and anything but O_PATH's own flags beside
  // it.
  const auto kernel_flags =
      static_cast<uint64_t>(flags & O_PATH ? flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW) : flags);
  const mode_t kernel_mode = flags & O_CREAT ? mode & 07777 : 0;
  for (int attempt = 0;; ++attempt) {
    Result<UniqueFd> opened =
        sys::openat2(fd(), path, kernel_flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, kernel_mode);
    if (opened.ok()) return opened;
    if (opened.error() == EAGAIN && attempt < kMaxRenameRetries) continue;
    if (!kernel_lacks_openat2(opened.error())) return opened;
    return open_by_walk(fd(), path, flags, mode);
  }
}

Result<RootedDir::Leaf> RootedDir::open_parent(const char* path) const {
  size_t end = std::strlen(path);
  while (end && path[end - 1] == '/') --end;
  size_t start = end;
  while (start && path[start - 1] != '/') --start;
  Leaf leaf;
  const size_t length = end - start;
  if (length > NAME_MAX || start >= PATH_MAX) return Status(ENAMETOOLONG);
  std::memcpy(leaf.name, path + start, length);
  if (length == 0 || std::strcmp(leaf.name, ".") == 0 || std::strcmp(leaf.name, "..") == 0)
    return Status(EINVAL);
  char parent[PATH_MAX] = ".";
  if (start) {
    std::memcpy(parent, path, start);
    parent[start] = 0;
  }
  Result<UniqueFd> dir = open(parent, O_PATH | O_DIRECTORY);
  if (!dir.ok()) return dir.status();
  leaf.parent = std::move(*dir);
  return leaf;
}

Result<UniqueFd> RootedDir::make_dirs(const char* path, mode_t mode) const {
  // Mostly all but the last component is there.
  if (Result<Leaf> leaf = open_parent(path); leaf.ok()) {
    Status made = sys::mkdir_at(leaf->parent.get(), leaf->name, mode);
    if (made.ok()) return sys::open_at(leaf->parent.get(), leaf->name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (made.error() != EEXIST) return made;
    if (Result<UniqueFd> there = open(path, O_PATH | O_DIRECTORY); there.ok()) return there;
  }
  return make_each_dir(path, mode);
}

Result<UniqueFd> RootedDir::make_each_dir(const char* path, mode_t mode) const {
  char prefix[PATH_MAX];
  const size_t size = std::strlen(path);
  if (size + 2 > sizeof prefix) return Status(ENAMETOOLONG);
  prefix[0] = '.';
  prefix[1] = '/';
  size_t at = 0;
  Result<UniqueFd> dir = open(".", O_PATH | O_DIRECTORY);
  while (dir.ok() && at < size) {
    const size_t component = std::strspn(path + at, "/");
    const size_t length = std::strcspn(path + at + component, "/");
    if (length == 0) break;
    at += component + length;
    std::memcpy(prefix + 2, path, at);
    prefix[2 + at] = 0;
    dir = open(prefix, O_PATH | O_DIRECTORY);
    if (dir.ok() || dir.error() != ENOENT) continue;
    Result<Leaf> leaf = open_parent(prefix);
    if (!leaf.ok()) return leaf.status();
    // EEXIST is somebody else's mkdir, or a dangling link, which the second open then reports.
    if (Status st = sys::mkdir_at(leaf->parent.get(), leaf->name, mode); !st.ok() && st.error() != EEXIST)
      return st;
    dir = open(prefix, O_PATH | O_DIRECTORY);
  }
  return dir;
}

}  // namespace crunlite
