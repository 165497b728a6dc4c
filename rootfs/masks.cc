// SPDX-License-Identifier: Apache-2.0
#include "rootfs/masks.h"

#include <sys/mount.h>

#include "rootfs/bind.h"
#include "rootfs/devices.h"

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR;
}

bool same_file(int a, int b) {
  Result<struct stat> first = sys::fstat(a);
  Result<struct stat> second = sys::fstat(b);
  return first.ok() && second.ok() && first->st_dev == second->st_dev && first->st_ino == second->st_ino;
}

class Masker {
 public:
  Masker(const RootedDir& root, Note& note) : root_(root), note_(note) {}

  Status mask(const char* path) {
    Result<UniqueFd> target = root_.open(path, O_PATH);
    if (is_missing(target.error())) return sys::kOk;
    if (!target.ok()) return target.status();
    Result<struct stat> st = sys::fstat(target->get());
    if (!st.ok()) return st.status();
    if (same_file(root_.fd(), target->get())) {
      note_.add(" (nothing would be left to run)");
      return Status(EINVAL);
    }
    return S_ISDIR(st->st_mode) ? mask_directory(path, target->get()) : mask_file(target->get());
  }

 private:
  // Every tmpfs is a superblock in the kernel: one serves all.
  Status mask_directory(const char* path, int target) {
    if (empty_directory_.valid()) return cover(empty_directory_.get(), target);
    if (Status st = sys::fchdir(target); !st.ok()) return st;
    Status st = sys::mount("tmpfs", ".", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                           "nr_blocks=1,nr_inodes=1,mode=555");
    if (!st.ok()) return st;
    Result<UniqueFd> mounted = root_.open(path, O_PATH);
    if (!mounted.ok()) return mounted.status();
    empty_directory_ = std::move(*mounted);
    return sys::kOk;
  }

  Status mask_file(int target) {
    if (!null_.valid()) {
      Result<UniqueFd> null = root_.open("/dev/null", O_PATH | O_NOFOLLOW);
      if (!null.ok() || !is_null_device(null->get())) {
        note_.add(" (/dev/null of the container is not the null device)");
        return null.ok() ? Status(ENODEV) : null.status();
      }
      null_ = std::move(*null);
    }
    return cover(null_.get(), target);
  }

  // A path may be listed twice, or by another name: what it shows is the mask already.
  static Status cover(int mask, int target) {
    return same_file(mask, target) ? sys::kOk : bind({.object = mask, .target = target});
  }

  const RootedDir& root_;
  Note& note_;
  UniqueFd null_;
  UniqueFd empty_directory_;
};

}  // namespace

Status mask_paths(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  Masker masker(root, note);
  for (const std::string& path : plan.masked) {
    note.set(path);
    if (Status st = masker.mask(path.c_str()); !st.ok()) return st;
  }
  note.clear();
  return sys::kOk;
}

Status make_paths_read_only(const RootedDir& root, const RootfsPlan& plan, Note& note) {
  for (const std::string& path : plan.read_only) {
    note.set(path);
    Result<UniqueFd> target = root.open(path.c_str(), O_PATH);
    if (is_missing(target.error())) continue;
    if (!target.ok()) return target.status();
    // Nothing that is mounted on the root now would ever be looked at: it is made read-only itself.
    if (same_file(root.fd(), target->get())) {
      if (Status st = make_read_only(root, "."); !st.ok()) return st;
      continue;
    }
    Status st = bind({.object = target->get(),
                      .recursive = true,
                      .target = target->get(),
                      .attributes = {.set = MOUNT_ATTR_RDONLY},
                      .root = &root,
                      .destination = path.c_str()});
    if (!st.ok()) return st;
  }
  note.clear();
  return sys::kOk;
}

}  // namespace crunlite::rootfs
