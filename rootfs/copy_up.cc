// SPDX-License-Identifier: Apache-2.0
#include "rootfs/copy_up.h"

#include <dirent.h>

#include <cstring>

#include "base/note.h"

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

constexpr int kMaxDepth = 200;  // each level holds two descriptors and a buffer on the stack
// While copying, the first copy of a file with several names is also here, under its number.
constexpr const char* kLinksName = ".crun-lite-links";

struct Entry {
  int source;
  int target;
  const char* name;
  const struct stat& st;
};

class Copier {
 public:
  explicit Copier(int top) : top_(top) {}
  Status copy_contents(int source, int target, int depth);
  Status remove_links();

 private:
  Status copy_entry(int source, int target, const char* name, int depth);
  Status copy_file(const Entry& entry);
  Status copy_subdirectory(const Entry& entry, int depth);
  Status open_links();

  int top_;
  UniqueFd links_;
};

// Not inlined, like the next: their buffers would be in every frame of the recursion.
[[gnu::noinline]] Status copy_bytes(int source, int target) {
  char buffer[16384];
  for (;;) {
    Result<size_t> got = sys::read(source, buffer, sizeof buffer);
    if (!got.ok()) return got.status();
    if (*got == 0) return sys::kOk;
    if (Status st = sys::write_all(target, {buffer, *got}); !st.ok()) return st;
  }
}

// Those that the tmpfs cannot have (user.* before Linux 6.6) or that only the host's root may set (trusted.*)
// stay behind, as with cp -a.
bool may_stay_behind(int error) {
  return error == EOPNOTSUPP || error == EPERM;
}

[[gnu::noinline]] Status copy_xattrs(int source, int target) {
  static constexpr size_t kMost = 65536;  // XATTR_LIST_MAX and XATTR_SIZE_MAX, <linux/limits.h>
  char names[kMost];
  char value[kMost];
  Result<size_t> size = sys::list_xattrs(source, names, sizeof names);
  if (!size.ok()) return may_stay_behind(size.error()) ? sys::kOk : size.status();
  for (size_t at = 0; at < *size; at += std::strlen(names + at) + 1) {
    const char* name = names + at;
    Result<size_t> length = sys::get_xattr(source, name, value, sizeof value);
    if (length.error() == ENODATA) continue;
    if (!length.ok()) return length.status();
    Status st = sys::set_xattr(target, name, {value, *length});
    if (!st.ok() && !may_stay_behind(st.error())) return st;
  }
  return sys::kOk;
}

// An owner who has no number in the container's user namespace stays its root.
bool is_owned(Status status) {
  return status.ok() || status.error() == EINVAL;
}

Status copy_attributes(int source, int target, const struct stat& st) {
  if (Status done = sys::fchown(target, st.st_uid, st.st_gid); !is_owned(done)) return done;
  // After chown, which clears the set-id bits and file capabilities.
  if (Status done = sys::fchmod(target, st.st_mode & 07777); !done.ok()) return done;
  if (Status done = copy_xattrs(source, target); !done.ok()) return done;
  return sys::set_times(target, st.st_atim, st.st_mtim);
}

Status own_and_date(const Entry& entry) {
  Status owned = sys::chown_at(entry.target, entry.name, entry.st.st_uid, entry.st.st_gid);
  if (!is_owned(owned)) return owned;
  return sys::set_times_at(entry.target, entry.name, entry.st.st_atim, entry.st.st_mtim);
}

Status copy_link(const Entry& entry) {
  char text[4096];
  Result<size_t> size = sys::readlink_at(entry.source, entry.name, text, sizeof text - 1);
  if (!size.ok()) return size.status();
  text[*size] = 0;
  if (Status st = sys::symlink_at(text, entry.target, entry.name); !st.ok()) return st;
  return own_and_date(entry);
}

Status copy_node(const Entry& entry) {
  Status st = sys::mknod_at(entry.target, entry.name, entry.st.st_mode, entry.st.st_rdev);
  if (st.error() == EPERM) return sys::kOk;  // a device, in a user namespace
  return st.ok() ? own_and_date(entry) : st;
}

Status Copier::open_links() {
  if (links_.valid()) return sys::kOk;
  if (Status st = sys::mkdir_at(top_, kLinksName, 0700); !st.ok()) return st;
  Result<UniqueFd> links = sys::open_at(top_, kLinksName, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (!links.ok()) return links.status();
  links_ = std::move(*links);
  return sys::kOk;
}

Status Copier::copy_file(const Entry& entry) {
  FixedText<64> number;
  const bool has_more_names = entry.st.st_nlink > 1;
  if (has_more_names) {
    if (Status st = open_links(); !st.ok()) return st;
    number.add(static_cast<unsigned long>(entry.st.st_dev), "-", static_cast<unsigned long>(entry.st.st_ino));
    Status st = sys::link_at(links_.get(), number.c_str(), entry.target, entry.name, 0);
    if (st.error() != ENOENT) return st;
  }
  Result<UniqueFd> from = sys::open_at(entry.source, entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!from.ok()) return from.status();
  Result<UniqueFd> to =
      sys::open_at(entry.target, entry.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!to.ok()) return to.status();
  if (Status st = copy_bytes(from->get(), to->get()); !st.ok()) return st;
  if (Status st = copy_attributes(from->get(), to->get(), entry.st); !st.ok()) return st;
  return has_more_names ? sys::link_at(entry.target, entry.name, links_.get(), number.c_str(), 0) : sys::kOk;
}

Status Copier::copy_subdirectory(const Entry& entry, int depth) {
  if (Status st = sys::mkdir_at(entry.target, entry.name, 0700); !st.ok()) return st;
  Result<UniqueFd> from = sys::open_at(entry.source, entry.name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (!from.ok()) return from.status();
  Result<UniqueFd> to = sys::open_at(entry.target, entry.name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (!to.ok()) return to.status();
  if (Status st = copy_contents(from->get(), to->get(), depth + 1); !st.ok()) return st;
  return copy_attributes(from->get(), to->get(), entry.st);
}

Status Copier::copy_entry(int source, int target, const char* name, int depth) {
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
    case S_IFSOCK:
      return sys::kOk;
    default:
      return copy_node(entry);
  }
}

// Calls visit(name) for every entry but "." and ".." until one fails.
template <class Visit>
Status each_entry(int dir, Visit visit) {
  alignas(dirent64) char buffer[4096];
  for (;;) {
    Result<size_t> got = sys::get_dents(dir, buffer, sizeof buffer);
    if (!got.ok() || *got == 0) return got.status();
    for (size_t at = 0; at < *got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      if (Status done = visit(entry->d_name); !done.ok()) return done;
    }
  }
}

Status Copier::copy_contents(int source, int target, int depth) {
  if (depth > kMaxDepth) return Status(ELOOP);
  return each_entry(source, [&](const char* name) { return copy_entry(source, target, name, depth); });
}

Status Copier::remove_links() {
  if (!links_.valid()) return sys::kOk;
  Status st = each_entry(links_.get(), [&](const char* name) { return sys::unlink_at(links_.get(), name); });
  return st.ok() ? sys::unlink_at(top_, kLinksName, AT_REMOVEDIR) : st;
}

}  // namespace

Status copy_directory(int source, int target) {
  Result<struct stat> st = sys::fstat(source);
  if (!st.ok()) return st.status();
  Copier copier(target);
  if (Status done = copier.copy_contents(source, target, 0); !done.ok()) return done;
  if (Status done = copier.remove_links(); !done.ok()) return done;
  return copy_attributes(source, target, *st);
}

}  // namespace crunlite::rootfs
