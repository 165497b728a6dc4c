// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace crunlite {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::vector<std::string> names_in(UniqueFd dir, const std::string& path) {
  std::unique_ptr<DIR, CloseDir> stream(::fdopendir(dir.get()));
  if (!stream) throw SysError(errno, "read directory ", path);
  dir.release();  // closedir closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno) throw SysError(errno, "read directory ", path);
  std::sort(names.begin(), names.end());
  return names;
}

// A directory on the way down to what remove_tree is removing, and its subdirectories still to do.
struct Level {
  std::string name;
  std::vector<std::string> directories;
};

// Removes everything but the subdirectories, whose names it gives.
std::vector<std::string> unlink_files(int dir, const std::string& name) {
  std::vector<std::string> directories;
  for (std::string& child :
       names_in(check(sys::open_at(dir, ".", O_RDONLY | O_DIRECTORY), "open ", name), name)) {
    const sys::Status removed = sys::unlink_at(dir, child.c_str());
    if (removed.error() == EISDIR || removed.error() == EPERM) {
      directories.push_back(std::move(child));
    } else if (removed.error() != ENOENT) {
      check(removed, "remove ", child);
    }
  }
  return directories;
}

// Removes a temporary unless its content has been published.
class Temporary {
 public:
  Temporary(int dir, std::string name) : dir_(dir), name_(std::move(name)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!name_.empty()) (void)sys::unlink_at(dir_, name_.c_str());
  }
  void publish(const std::string& name) {
    check(sys::rename_at(dir_, name_.c_str(), dir_, name.c_str()), "rename ", name_, " to ", name);
    name_.clear();
  }

 private:
  int dir_;
  std::string name_;
};

}  // namespace

std::string read_fd(int fd, std::string_view name, size_t limit) {
  // Most files here are a few bytes of cgroupfs or procfs: a page at first, doubled when it gets full.
  constexpr size_t kFirst = 4096;
  constexpr size_t kLeast = 512;
  std::string content(kFirst, '\0');
  size_t size = 0;
  for (;;) {
    if (content.size() - size < kLeast) content.resize(2 * content.size());
    const size_t got = check(sys::read(fd, content.data() + size, content.size() - size), "read ", name);
    size += got;
    if (size > limit) throw Error(ErrorKind::kConfig, name, ": larger than ", limit, " bytes");
    if (got == 0) break;
  }
  content.resize(size);
  return content;
}

std::string read_file(int dir, const std::string& path, size_t limit) {
  // O_NONBLOCK: opening a fifo must not wait for a writer.
  const UniqueFd file =
      check(sys::open_at(dir, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY), "open ", path);
  const struct stat st = check(sys::fstat(file.get()), "stat ", path);
  if (!S_ISREG(st.st_mode)) throw Error(ErrorKind::kConfig, path, ": not a regular file");
  return read_fd(file.get(), path, limit);
}

void write_file_atomic(int dir, const std::string& name, std::string_view content, mode_t mode,
                       Durability durability) {
  const size_t slash = name.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : name.substr(0, slash + 1);
  const std::string base = name.substr(folder.size());
  const std::string temporary_name = cat(folder, ".", base, ".", random_hex(6));
  const UniqueFd file = check(sys::open_at(dir, temporary_name.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode),
                              "create ", temporary_name);
  Temporary temporary(dir, temporary_name);
  check(sys::fchmod(file.get(), mode), "set the mode of ", temporary_name);
  check(sys::write_all(file.get(), content), "write ", name);
  if (durability == Durability::kSync) check(sys::fsync(file.get()), "sync ", name);
  temporary.publish(name);
  if (durability == Durability::kRename) return;
  const UniqueFd parent =
      check(sys::open_at(dir, folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY),
            "open directory of ", name);
  check(sys::fsync(parent.get()), "sync directory of ", name);
}

UniqueFd make_own_dirs(const std::string& path, mode_t mode) {
  UniqueFd dir =
      check(sys::open_at(AT_FDCWD, path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY), "open ", path);
  for (const std::string_view component : split(path, '/')) {
    if (component.empty()) continue;
    const std::string name(component);
    const sys::Status made = sys::mkdir_at(dir.get(), name.c_str(), mode);
    if (!made.ok() && made.error() != EEXIST) check(made, "create directory ", path);
    UniqueFd next =
        check(sys::open_at(dir.get(), name.c_str(), O_RDONLY | O_DIRECTORY), "open directory ", path);
    // The umask of the caller decides nothing about our own directories.
    if (made.ok()) check(sys::fchmod(next.get(), mode), "set the mode of ", path);
    dir = std::move(next);
  }
  return dir;
}

void remove_tree(int dir, const std::string& name) {
  const sys::Status removed = sys::unlink_at(dir, name.c_str());
  if (removed.ok() || removed.error() == ENOENT) return;
  if (removed.error() != EISDIR && removed.error() != EPERM) check(removed, "remove ", name);
  // One descriptor however deep the tree is: on the way back up `..` is opened again, which is safe because
  // nobody else moves directories of ours.
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  UniqueFd here = check(sys::open_at(dir, name.c_str(), kFlags), "open ", name);
  std::vector<Level> path;
  path.push_back({.name = name, .directories = unlink_files(here.get(), name)});
  while (path.size() > 1 || !path.back().directories.empty()) {
    Level& level = path.back();
    if (!level.directories.empty()) {
      std::string child = std::move(level.directories.back());
      level.directories.pop_back();
      here = check(sys::open_at(here.get(), child.c_str(), kFlags), "open ", child);
      path.push_back({.name = child, .directories = unlink_files(here.get(), child)});
      continue;
    }
    const std::string done = std::move(level.name);
    path.pop_back();
    here = check(sys::open_at(here.get(), "..", O_RDONLY | O_DIRECTORY), "open the parent of ", done);
    check(sys::unlink_at(here.get(), done.c_str(), AT_REMOVEDIR), "remove ", done);
  }
  const sys::Status gone = sys::unlink_at(dir, name.c_str(), AT_REMOVEDIR);
  if (gone.error() != ENOENT) check(gone, "remove ", name);
}

std::vector<std::string> list_dir(int dir, const std::string& path) {
  return names_in(check(sys::open_at(dir, path.c_str(), O_RDONLY | O_DIRECTORY), "open directory ", path),
                  path);
}

std::string random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  if (::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size()))
    throw SysError(errno, "getrandom");
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : raw) {
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace crunlite
