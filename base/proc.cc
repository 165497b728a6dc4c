// SPDX-License-Identifier: Apache-2.0
#include "base/proc.h"

#include <linux/magic.h>
#include <linux/openat2.h>

#include <cstring>

namespace crunlite {
namespace {

using sys::Result;
using sys::Status;

constexpr ino_t kProcRootInode = 1;  // PROC_ROOT_INO, include/linux/proc_ns.h

Result<UniqueFd> open_private_instance() {
  Result<UniqueFd> context = sys::fsopen("proc");
  if (!context.ok()) return context;
  if (Status st = sys::fsconfig_create(context->get()); !st.ok()) return st;
  return sys::fsmount(context->get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

Result<UniqueFd> open_mounted_instance() {
  Result<UniqueFd> root = sys::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!root.ok()) return root;
  Result<struct statfs> fs = sys::fstatfs(root->get());
  if (!fs.ok()) return fs.status();
  Result<struct stat> st = sys::fstat(root->get());
  if (!st.ok()) return st.status();
  if (fs->f_type != PROC_SUPER_MAGIC || st->st_ino != kProcRootInode) return Status(EXDEV);
  return root;
}

}  // namespace

Result<Proc> Proc::open() {
  Result<UniqueFd> root = open_private_instance();
  if (!root.ok()) root = open_mounted_instance();
  if (!root.ok()) return root.status();
  Proc proc;
  proc.root_ = std::move(*root);
  return proc;
}

Result<UniqueFd> Proc::open_file(const char* path, int flags) const {
  // `self` and `thread-self` are plain links inside procfs: BENEATH lets them through, NO_MAGICLINKS stops
  // the rest.
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  Result<UniqueFd> opened = sys::openat2(fd(), path, static_cast<uint64_t>(flags), kResolve);
  if (opened.ok() || (opened.error() != ENOSYS && opened.error() != EPERM)) return opened;
  opened = sys::open_at(fd(), path, flags | O_NOFOLLOW);
  if (!opened.ok()) return opened;
  Result<struct statfs> fs = sys::fstatfs(opened->get());
  if (!fs.ok()) return fs.status();
  if (fs->f_type != PROC_SUPER_MAGIC) return Status(EXDEV);
  return opened;
}

Status Proc::write_file(const char* path, std::string_view content) const {
  Result<UniqueFd> file = open_file(path, O_WRONLY);
  if (!file.ok()) return file.status();
  // procfs files take their value in one write.
  Result<size_t> written = sys::write(file->get(), content.data(), content.size());
  if (!written.ok()) return written.status();
  return *written == content.size() ? sys::kOk : Status(EIO);
}

Result<UniqueFd> Proc::reopen(int target, int flags) const {
  // "self/fd/" and a decimal number, without stdio: this runs in the child.
  char path[32] = "self/fd/";
  size_t at = std::strlen(path);
  char digits[12];
  size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + target % 10);
    target /= 10;
  } while (target);
  while (count) path[at++] = digits[--count];
  return sys::open_at(fd(), path, flags);
}

}  // namespace crunlite
