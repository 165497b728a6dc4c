// SPDX-License-Identifier: Apache-2.0
#include "engine/tree_copy.h"

#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "rootfs/attributes.h"

namespace crunlite::engine {
namespace {

constexpr int kMostDepth = 256;

void copy_attributes(int from, int to, const std::string& name) {
  with_context(name, [&] { rootfs::apply_attributes(to, rootfs::read_attributes(from)); });
}

void copy_content(int from, int to, const std::string& name) {
  std::string buffer(256u << 10, '\0');
  for (;;) {
    const size_t got = check(sys::read(from, buffer.data(), buffer.size()), "read ", name);
    if (got == 0) return;
    check(sys::write_all(to, std::string_view(buffer).substr(0, got)), "write ", name);
  }
}

void copy_file(int from_dir, int to_dir, const std::string& name) {
  const UniqueFd from =
      check(sys::open_at(from_dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK), "open ", name);
  const UniqueFd to =
      check(sys::open_at(to_dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600), "create ", name);
  copy_content(from.get(), to.get(), name);
  copy_attributes(from.get(), to.get(), name);
}

void copy_link(int from_dir, int to_dir, const std::string& name, const struct stat& info) {
  char target[PATH_MAX];
  const size_t length =
      check(sys::readlink_at(from_dir, name.c_str(), target, sizeof target), "read the link ", name);
  check(sys::symlink_at(std::string(target, length).c_str(), to_dir, name.c_str()), "create the link ", name);
  const UniqueFd link = check(sys::open_at(to_dir, name.c_str(), O_PATH | O_NOFOLLOW), "open ", name);
  check(sys::chown_path_fd(link.get(), info.st_uid, info.st_gid), "set the owner of ", name);
}

void copy_node(int to_dir, const std::string& name, const struct stat& info) {
  check(sys::mknod_at(to_dir, name.c_str(), info.st_mode, info.st_rdev), "create ", name);
  const UniqueFd node = check(sys::open_at(to_dir, name.c_str(), O_PATH | O_NOFOLLOW), "open ", name);
  check(sys::chown_path_fd(node.get(), info.st_uid, info.st_gid), "set the owner of ", name);
}

void copy_directory(int from, int to, int depth);

void copy_entry(int from, int to, const std::string& name, int depth) {
  const struct stat info = check(sys::stat_at(from, name.c_str(), AT_SYMLINK_NOFOLLOW), "stat ", name);
  if (S_ISREG(info.st_mode)) return copy_file(from, to, name);
  if (S_ISLNK(info.st_mode)) return copy_link(from, to, name, info);
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode) || S_ISFIFO(info.st_mode))
    return copy_node(to, name, info);
  if (!S_ISDIR(info.st_mode)) return;  // a socket
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  const UniqueFd source = check(sys::open_at(from, name.c_str(), flags), "open ", name);
  check(sys::mkdir_at(to, name.c_str(), 0700), "create ", name);
  const UniqueFd target = check(sys::open_at(to, name.c_str(), flags), "open ", name);
  copy_directory(source.get(), target.get(), depth + 1);
}

void copy_directory(int from, int to, int depth) {
  if (depth > kMostDepth) throw Error(ErrorKind::kConfig, "directories nested deeper than ", kMostDepth);
  for (const std::string& name : list_dir(from, ".")) {
    with_context(name, [&] { copy_entry(from, to, name, depth); });
  }
  // Last: a directory without the write bit could not be filled, and filling it changes its time.
  copy_attributes(from, to, "the directory");
}

}  // namespace

void copy_tree(int from, int to) {
  copy_directory(from, to, 0);
}

}  // namespace crunlite::engine
