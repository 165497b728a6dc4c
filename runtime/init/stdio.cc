// SPDX-License-Identifier: Apache-2.0
// Standard input, output and error: the container's terminal, and what is done to inherited ones. Devices are
// recognised by what they are, never by where they lie (SECURITY P3).
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "rootfs/bind.h"
#include "rootfs/devices.h"
#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

using sys::Result;

constexpr long kDevptsMagic = 0x1cd1;  // linux/magic.h has it as DEVPTS_SUPER_MAGIC
constexpr ino_t kPtmxInode = 2;        // fs/devpts/inode.c

// The multiplexer of a real devpts: a file of that name could be anything.
Result<UniqueFd> open_ptmx(Init& init) {
  init.note.set("/dev/pts/ptmx");
  Result<UniqueFd> ptmx = init.root.open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW);
  if (!ptmx.ok()) return ptmx;
  Result<struct statfs> fs = sys::fstatfs(ptmx->get());
  if (!fs.ok()) return fs.status();
  Result<struct stat> st = sys::fstat(ptmx->get());
  if (!st.ok()) return st.status();
  const bool genuine = fs->f_type == kDevptsMagic && st->st_ino == kPtmxInode && S_ISCHR(st->st_mode) &&
                       st->st_rdev == makedev(5, 2);
  if (!genuine) {
    init.note.add(" (it is not the multiplexer of a devpts)");
    return Status(ENODEV);
  }
  return ptmx;
}

// The other end straight from the kernel: the path /dev/pts/N could have been replaced (CVE-2025-52565).
Result<UniqueFd> open_peer(int ptmx) {
  const int unlock = 0;
  if (::ioctl(ptmx, TIOCSPTLCK, &unlock) == -1) return sys::fail();
  const int peer = ::ioctl(ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (peer == -1) return sys::fail();
  return UniqueFd(peer);
}

Status bind_console(Init& init, int peer) {
  init.note.set("/dev/console");
  Result<RootedDir::Leaf> leaf = init.root.open_parent("/dev/console");
  if (!leaf.ok()) return leaf.status();
  Result<UniqueFd> target =
      sys::open_at(leaf->parent.get(), leaf->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600);
  if (target.error() == EEXIST) {
    target = sys::open_at(leaf->parent.get(), leaf->name, O_PATH | O_NOFOLLOW);
    if (!target.ok()) return target.status();
    Result<struct stat> st = sys::fstat(target->get());
    if (!st.ok()) return st.status();
    // A mount on a link would be a mount where the link leads.
    if (S_ISLNK(st->st_mode)) return Status(ELOOP);
  }
  if (!target.ok()) return target.status();
  return rootfs::bind({.object = peer, .target = target->get()});
}

Status set_size(int ptmx, const ConsolePlan& console) {
  if (console.rows == 0 && console.columns == 0) return sys::kOk;
  const winsize size{console.rows, console.columns, 0, 0};
  return ::ioctl(ptmx, TIOCSWINSZ, &size) == -1 ? sys::fail() : sys::kOk;
}

}  // namespace

Status take_terminal() {
  return ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) == -1 ? sys::fail() : sys::kOk;
}

Status set_up_console(Init& init) {
  if (!init.plan.console.wanted) return sys::kOk;
  Result<UniqueFd> ptmx = open_ptmx(init);
  if (!ptmx.ok()) return ptmx.status();
  Result<UniqueFd> peer = open_peer(ptmx->get());
  if (!peer.ok()) return peer.status();
  if (Status st = set_size(ptmx->get(), init.plan.console); !st.ok()) return st;
  // In a running container /dev/console is there already.
  if (init.plan.rootfs)
    if (Status st = bind_console(init, peer->get()); !st.ok()) return st;
  init.note.clear();
  if (Status st = sys::fchown(peer->get(), init.plan.uid, static_cast<gid_t>(-1)); !st.ok()) return st;
  if (Status st = send_message(init.channel.get(), Msg::kConsole, ptmx->get()); !st.ok()) return st;
  for (int target = 0; target < 3; ++target)
    if (Status st = sys::dup2(peer->get(), target); !st.ok()) return st;
  return init.plan.namespaces.pid_by_successor ? sys::kOk : take_terminal();
}

// The host's /dev/null would be a way to a mount outside. Only that device is replaced, and only by the same
// device: a container's file of that name must not swallow output (CVE-2026-88265).
Status replace_null_stdio(Init& init) {
  if (!init.plan.rootfs) return sys::kOk;
  for (int fd = 0; fd < 3; ++fd) {
    if (!rootfs::is_null_device(fd)) continue;
    init.note.set(static_cast<unsigned long>(fd));
    Result<UniqueFd> own = init.root.open("/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (!own.ok() || !rootfs::is_null_device(own->get())) return sys::kOk;
    if (Status st = sys::dup2(own->get(), fd); !st.ok()) return st;
  }
  return sys::kOk;
}

// So that a program that is not root can open /dev/stdout, which is /proc/self/fd/1. Pipes only: the caller's
// files and devices keep their owner.
Status own_stdio(Init& init) {
  for (int fd = 0; fd < 3; ++fd) {
    Result<struct stat> st = sys::fstat(fd);
    if (!st.ok() || !S_ISFIFO(st->st_mode) || st->st_uid == init.plan.uid) continue;
    (void)sys::fchown(fd, init.plan.uid, static_cast<gid_t>(-1));  // refused in a user namespace: it stays
  }
  return sys::kOk;
}

}  // namespace crunlite::runtime::steps
