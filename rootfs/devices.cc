// SPDX-License-Identifier: Apache-2.0
#include "rootfs/devices.h"

#include <sys/sysmacros.h>

#include "rootfs/bind.h"

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

std::string_view directory_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Nearly all devices and links are in /dev: its descriptor is kept from one to the next.
class Directories {
 public:
  explicit Directories(const RootedDir& root) : root_(root) {}

  Result<int> of(std::string_view path) {
    const std::string_view wanted = directory_of(path);
    if (fd_.valid() && current_.view() == wanted) return fd_.get();
    if (current_.set(wanted).truncated()) return Status(ENAMETOOLONG);
    Result<UniqueFd> made = root_.make_dirs(current_.c_str(), 0755);
    if (!made.ok()) return made.status();
    fd_ = std::move(*made);
    return fd_.get();
  }

 private:
  const RootedDir& root_;
  PathText current_;
  UniqueFd fd_;
};

const char* name_of(const std::string& path) {
  return path.c_str() + path.rfind('/') + 1;
}

bool is_device(const struct stat& st, const DeviceOp& op) {
  return (st.st_mode & S_IFMT) == (op.mode & S_IFMT) && (S_ISFIFO(op.mode) || st.st_rdev == op.device);
}

Status accept_existing(int dir, const DeviceOp& op, Note& note) {
  Result<struct stat> st = sys::stat_at(dir, name_of(op.path), AT_SYMLINK_NOFOLLOW);
  if (!st.ok()) return st.status();
  if (is_device(*st, op)) return sys::kOk;
  note.add(" (something else is there)");
  return Status(EEXIST);
}

Status make_node(int dir, const DeviceOp& op, Note& note) {
  Status made = sys::mknod_at(dir, name_of(op.path), op.mode, op.device);
  if (made.error() == EEXIST) return accept_existing(dir, op, note);
  if (!made.ok() || (op.uid == 0 && op.gid == 0)) return made;
  Result<UniqueFd> node = sys::open_at(dir, name_of(op.path), O_PATH | O_NOFOLLOW);
  return node.ok() ? sys::chown_path_fd(node->get(), op.uid, op.gid) : node.status();
}

Result<UniqueFd> make_bind_point(int dir, const DeviceOp& op, Note& note) {
  Result<UniqueFd> file = sys::open_at(dir, name_of(op.path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
  if (file.ok() || file.error() != EEXIST) return file;
  Result<UniqueFd> existing = sys::open_at(dir, name_of(op.path), O_PATH | O_NOFOLLOW);
  if (!existing.ok()) return existing;
  Result<struct stat> st = sys::fstat(existing->get());
  if (!st.ok()) return st.status();
  // An empty file is what a run before this one left in a root without a /dev of its own.
  if (is_device(*st, op) || (S_ISREG(st->st_mode) && st->st_size == 0)) return existing;
  note.add(" (something else is there)");
  return Status(EEXIST);
}

Status bind_node(int dir, const DeviceOp& op, Note& note) {
  Result<UniqueFd> source = sys::open_at(AT_FDCWD, op.path.c_str(), O_PATH | O_NOFOLLOW);
  if (!source.ok()) {
    note.add(" (it may not be made here, and the host has none to lend)");
    return source.status();
  }
  Result<struct stat> st = sys::fstat(source->get());
  if (!st.ok()) return st.status();
  if (!is_device(*st, op)) {
    note.add(" (the host's is another device)");
    return Status(ENODEV);
  }
  Result<UniqueFd> target = make_bind_point(dir, op, note);
  if (!target.ok()) return target.status();
  return bind({.object = source->get(), .target = target->get()});
}

Status make_device(int dir, const DeviceOp& op, bool bind_only, Note& note) {
  if (S_ISFIFO(op.mode)) return make_node(dir, op, note);  // no privilege needed
  Status st = bind_only ? Status(EPERM) : make_node(dir, op, note);
  return st.error() == EPERM ? bind_node(dir, op, note) : st;
}

}  // namespace

Status make_devices(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  Directories directories(root);
  for (const DeviceOp& op : plan.devices) {
    note.set(op.path);
    Result<int> dir = directories.of(op.path);
    if (!dir.ok()) return dir.status();
    if (Status st = make_device(*dir, op, plan.bind_devices, note); !st.ok()) return st;
  }
  note.clear();
  return sys::kOk;
}

Status make_links(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  Directories directories(root);
  for (const LinkOp& link : plan.links) {
    if (link.rule == LinkRule::kIfThere && !root.open(link.target.c_str(), O_PATH).ok()) continue;
    note.set(link.path);
    Result<int> dir = directories.of(link.path);
    if (!dir.ok()) return dir.status();
    Status st = sys::symlink_at(link.target.c_str(), *dir, name_of(link.path));
    if (st.error() == EEXIST && link.rule == LinkRule::kReplace) {
      st = sys::unlink_at(*dir, name_of(link.path));
      if (st.ok()) st = sys::symlink_at(link.target.c_str(), *dir, name_of(link.path));
    }
    if (!st.ok() && st.error() != EEXIST) return st;
  }
  note.clear();
  return sys::kOk;
}

bool is_null_device(int fd) {
  Result<struct stat> st = sys::fstat(fd);
  return st.ok() && S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

}  // namespace crunlite::rootfs
