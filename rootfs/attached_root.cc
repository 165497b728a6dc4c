// SPDX-License-Identifier: Apache-2.0
#include "rootfs/attached_root.h"

#include <sys/mount.h>

#include "base/error.h"
#include "base/sys.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

namespace crunlite::rootfs {
namespace {

sys::Result<uint64_t> number_of(int fd) {
  // Older kernels ignore the second bit and give the number that they reuse.
  const sys::Result<struct statx> st = sys::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_MNT_ID_UNIQUE);
  if (!st.ok()) return st.status();
  if ((st->stx_mask & (STATX_MNT_ID | STATX_MNT_ID_UNIQUE)) == 0) return sys::Status(ENOSYS);
  return st->stx_mnt_id;
}

}  // namespace

uint64_t mount_number(int fd) {
  return check(number_of(fd), "ask for the number of a mount (statx(2), Linux 5.8)");
}

bool detach_root(const std::string& path, uint64_t number) {
  const sys::Result<UniqueFd> there = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!there.ok()) return false;
  const sys::Result<uint64_t> found = number_of(there->get());
  if (!found.ok() || *found != number) return false;
  return sys::umount(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW).ok();
}

}  // namespace crunlite::rootfs
