// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/mounter.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#include "rootfs/mount_exec.h"
#include "runtime/init/message.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

namespace crunlite::runtime {
namespace {

using sys::Result;
using sys::Status;

Status enter(const MounterPlan& plan, Note& note) {
  if (Status st = sys::set_parent_death_signal(SIGKILL); !st.ok()) return st;
  // A container in our own pid namespace does see us.
  if (Status st = sys::set_dumpable(false); !st.ok()) return st;
  for (const NamespaceJoin& ns : plan.join) {
    note.set("join namespace ", ns.path);
    if (Status st = sys::setns(ns.fd.get(), ns.type); !st.ok()) return st;
  }
  if (plan.joined_user) {
    note.set("become root of the user namespace");
    if (::syscall(SYS_setresgid, 0, 0, 0) == -1 || ::syscall(SYS_setresuid, 0, 0, 0) == -1)
      return sys::fail();
    if (Status st = sys::set_parent_death_signal(SIGKILL); !st.ok()) return st;
  }
  ::umask(0);
  return sys::set_dumpable(false);  // setresuid(2) may have undone it
}

// A path that names the open object itself, whatever happens to its name meanwhile.
Status unmount_object(const Proc& proc, int object, int flags) {
  if (Status st = sys::fchdir(proc.fd()); !st.ok()) return st;
  FixedText<32> path;
  path.add("self/fd/", static_cast<unsigned long>(object));
  return sys::umount(path.c_str(), flags);
}

Status unmount_one(const MounterPlan& plan, const RootedDir& root, const char* destination, Note& note) {
  note.set("unmount ", destination);
  Result<UniqueFd> mounted = root.open(destination, O_PATH);
  if (!mounted.ok()) return mounted.status();
  Result<struct statx> st = sys::statx(mounted->get(), "", AT_EMPTY_PATH, STATX_TYPE);
  if (!st.ok()) return st.status();
  if ((st->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && !(st->stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
    note.add(" (nothing is mounted there)");
    return Status(EINVAL);
  }
  return unmount_object(plan.proc, mounted->get(), MNT_DETACH);
}

Status unmount_all(const MounterPlan& plan, const RootedDir& root, Note& note) {
  for (const std::string& destination : plan.unmount)
    if (Status st = unmount_one(plan, root, destination.c_str(), note); !st.ok()) return st;
  return sys::kOk;
}

// One at a time, so that those before one that fails can be taken off again.
Status mount_all(const MounterPlan& plan, const RootedDir& root, Note& note) {
  const size_t count = plan.rootfs.mounts.size();
  for (size_t i = 0; i < count; ++i) {
    const Status st = rootfs::execute_mounts(root, plan.rootfs, i, i + 1, note);
    if (st.ok()) continue;
    Note undone = note;
    note.set("mount ", undone.view());
    while (i-- > 0)
      if (plan.rootfs.mounts[i].kind != rootfs::MountKind::kRemount)
        (void)unmount_one(plan, root, plan.rootfs.mounts[i].destination.c_str(), undone);
    return st;
  }
  return rootfs::finish_read_only(root, plan.rootfs, note);
}

Status work(const MounterPlan& plan, Note& note) {
  if (Status st = enter(plan, note); !st.ok()) return st;
  note.set("open the container's root");
  Result<RootedDir> root = RootedDir::open_trusted("/");
  if (!root.ok()) return root.status();
  note.clear();
  return plan.unmount.empty() ? mount_all(plan, *root, note) : unmount_all(plan, *root, note);
}

}  // namespace

void run_mounter(const MounterPlan& plan, UniqueFd channel) {
  Note note;
  const Status status = work(plan, note);
  Frame frame;
  frame.msg = status.ok() ? Msg::kReady : Msg::kFailed;
  frame.error = status.error();
  FixedText<sizeof frame.text> text;
  text.add(note.view());
  std::memcpy(frame.text, text.c_str(), text.view().size());
  (void)sys::send_with_fd(channel.get(), &frame, sizeof frame, -1);
  _exit(status.ok() ? 0 : 1);
}

}  // namespace crunlite::runtime
