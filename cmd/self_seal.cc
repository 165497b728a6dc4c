// SPDX-License-Identifier: Apache-2.0
// Measured on a 2-core machine with a 3.7 MB binary, until the copy has started and ended (medians of 200;
// starting the file itself: 360 us at best): an overlay without upper layer 490-530 us, of which 150 us are
// the mount; a sealed memfd 2,100-2,600 us, because every byte is copied and its pages are charged to whoever
// runs it. So the overlay is tried first, and the memfd where mounts are not allowed. A read-only bind mount
// would be cheaper still, but since Linux 6.15 a privileged container may clone a detached mount and make the
// clone writable; a superblock without upper layer has nothing to write to.
#include "cmd/self_seal.h"

#include <sys/statvfs.h>

#include <string>

#include "base/error.h"
#include "base/sys.h"
#include "cmd/other_programs.h"

namespace crunlite::cmd {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr unsigned kMfdExec = 0x0010U;  // Linux 6.3; older kernels refuse it, newer ones may insist on it

bool unwritable(int exe) {
  const int seals = ::fcntl(exe, F_GET_SEALS);
  if (seals != -1 && (seals & F_SEAL_WRITE)) return true;
  const sys::Result<struct statfs> fs = sys::fstatfs(exe);
  return fs.ok() && (fs->f_flags & ST_RDONLY);
}

// The directory of our binary and one more, because overlay wants two lower layers when there is no upper
// one. /sys is everywhere and never contains a binary.
sys::Result<UniqueFd> overlay_copy(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
  // overlay would read these as its own syntax.
  if (directory.find_first_of(":\\,") != std::string::npos) return sys::Status(EINVAL);
  sys::Result<UniqueFd> context = sys::fsopen("overlay");
  if (!context.ok()) return context;
  const std::string lowers = directory + ":/sys";
  if (sys::Status st = sys::fsconfig_string(context->get(), "lowerdir", lowers.c_str()); !st.ok()) return st;
  if (sys::Status st = sys::fsconfig_create(context->get()); !st.ok()) return st;
  constexpr unsigned kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  sys::Result<UniqueFd> mount = sys::fsmount(context->get(), kAttributes);
  if (!mount.ok()) return mount;
  return sys::open_at(mount->get(), path.c_str() + slash + 1, O_RDONLY | O_NOFOLLOW);
}

UniqueFd memfd_copy(int exe) {
  sys::Result<UniqueFd> copy = sys::memfd_create("crun-lite", MFD_ALLOW_SEALING | kMfdExec);
  if (!copy.ok()) copy = sys::memfd_create("crun-lite", MFD_ALLOW_SEALING);
  check(copy.status(), "make a sealed copy of crun-lite");
  std::string chunk(1u << 20, '\0');
  for (;;) {
    const size_t got = check(sys::read(exe, chunk.data(), chunk.size()), "read crun-lite's own binary");
    if (got == 0) break;
    check(sys::write_all(copy->get(), std::string_view(chunk).substr(0, got)),
          "write a sealed copy of crun-lite");
  }
  if (::fcntl(copy->get(), F_ADD_SEALS, kSeals) == -1) throw SysError(errno, "seal the copy of crun-lite");
  return std::move(*copy);
}

// The overlay shows what stands at our path now; after an upgrade that is another program than the one that
// runs.
bool same_content(int a, int b) {
  const sys::Result<struct stat> left = sys::fstat(a);
  const sys::Result<struct stat> right = sys::fstat(b);
  // Not by inode: overlay gives numbers of its own when its layers are on different file systems.
  const auto same_time = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return left.ok() && right.ok() && left->st_size == right->st_size &&
         same_time(left->st_mtim, right->st_mtim) && same_time(left->st_ctim, right->st_ctim);
}

}  // namespace

std::optional<UniqueFd> unwritable_self() {
  const UniqueFd exe = check(sys::open_at(AT_FDCWD, "/proc/self/exe", O_RDONLY), "open /proc/self/exe");
  if (unwritable(exe.get())) return std::nullopt;
  sys::Result<UniqueFd> overlay = overlay_copy(running_path());
  if (overlay.ok() && same_content(overlay->get(), exe.get())) return std::move(*overlay);
  return memfd_copy(exe.get());
}

}  // namespace crunlite::cmd
