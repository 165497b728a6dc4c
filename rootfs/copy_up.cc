// SPDX-License-Identifier: Apache-2.0
#include "rootfs/copy_up.h"

#include <dirent.h>

#include <cstring>

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

constexpr int kMaxDepth = 64;  // each level holds two descriptors and a buffer on the stack

struct Entry {
  int source;
  int target;
  const char* name;
  const struct stat& st;
};

Status copy_tree(int source, int target, const struct stat& st, int depth);

Status copy_bytes(int source, int target) {
  char buffer[16384];
  for (;;) {
    Result<size_t> got = sys::read(source, buffer, sizeof buffer);
    if (!got.ok()) return got.status();
    if (*got == 0) return sys::kOk;
    if (Status st = sys::write_all(target, {buffer, *got}); !st.ok()) return st;
  }
}

Status set_owner_and_mode(int fd, const struct stat& st) {
  if (Status done = sys::fchown(fd, st.st_uid, st.st_gid); !done.ok()) return done;
  return sys::fchmod(fd, st.st_mode & 07777);  // after chown, which clears the set-id bits
}

Status copy_file(const Entry& entry) {
  Result<UniqueFd> from = sys::open_at(entry.source, entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!from.ok()) return from.status();
  Result<UniqueFd> to =
      sys::open_at(entry.target, entry.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!to.ok()) return to.status();
  if (Status st = copy_bytes(from->get(), to->get()); !st.ok()) return st;
  return set_owner_and_mode(to->get(), entry.st);
}

Status copy_link(const Entry& entry) {
  char text[4096];
  Result<size_t> size = sys::readlink_at(entry.source, entry.name, text, sizeof text - 1);
  if (!size.ok()) return size.status();
  text[*size] = 0;
  if (Status st = sys::symlink_at(text, entry.target, entry.name); !st.ok()) return st;
  Result<UniqueFd> link = sys::open_at(entry.target, entry.name, O_PATH | O_NOFOLLOW);
  if (!link.ok()) return link.status();
  return sys::chown_path_fd(link->get(), entry.st.st_uid, entry.st.st_gid);
}

Status copy_subdirectory(const Entry& entry, int depth) {
  if (Status st = sys::mkdir_at(entry.target, entry.name, 0700); !st.ok()) return st;
  Result<UniqueFd> from = sys::open_at(entry.source, entry.name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (!from.ok()) return from.status();
  Result<UniqueFd> to = sys::open_at(entry.target, entry.name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (!to.ok()) return to.status();
  return copy_tree(from->get(), to->get(), entry.st, depth + 1);
}

Status copy_entry(int source, int target, const char* name, int depth) {
  Result<struct stat> st = sys::stat_at(source, name, AT_SYMLINK_NOFOLLOW);
  if (!st.ok()) return st.status();
  const Entry entry{source, target, name, *st};
  switch (st->st_mode & S_IFMT) {
    case S_IFREG:
      return copy_file(entry);
    case S_IFLNK:
      return copy_link(entry);
    case S_IFDIR:
      return copy_subdirectory(entry, depth);
    default:
      return sys::kOk;
  }
}

Status copy_tree(int source, int target, const struct stat& st, int depth) {
  if (depth > kMaxDepth) return Status(ELOOP);
  alignas(dirent64) char buffer[4096];
  for (;;) {
    Result<size_t> got = sys::get_dents(source, buffer, sizeof buffer);
    if (!got.ok()) return got.status();
    if (*got == 0) return set_owner_and_mode(target, st);
    for (size_t at = 0; at < *got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      if (Status done = copy_entry(source, target, entry->d_name, depth); !done.ok()) return done;
    }
  }
}

}  // namespace

Status copy_directory(int source, int target) {
  Result<struct stat> st = sys::fstat(source);
  if (!st.ok()) return st.status();
  return copy_tree(source, target, *st, 0);
}

}  // namespace crunlite::rootfs
