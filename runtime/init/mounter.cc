// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/mounter.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#include "rootfs/mount_exec.h"
#include "runtime/init/join.h"
#include "runtime/init/message.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

namespace crunlite::runtime {
namespace {

using sys::Result;
using sys::Status;

Status enter(MounterPlan& plan, Note& note) {
  if (Status st = sys::set_parent_death_signal(SIGKILL); !st.ok()) return st;
  // A container in our own pid namespace does see us.
  if (Status st = sys::set_dumpable(false); !st.ok()) return st;
  if (Status st = join_all(plan.join, note); !st.ok()) {
    const Note path = note;
    note.set("join namespace ", path.view());
    return st;
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

FixedText<32> path_of(int object) {
  FixedText<32> path;
  path.add("self/fd/", static_cast<unsigned long>(object));
  return path;
}

// By a path that names the open object itself, whatever happens to its name meanwhile.
Status unmount_object(const Proc& proc, int object) {
  if (Status st = sys::fchdir(proc.fd()); !st.ok()) return st;
  return sys::umount(path_of(object).c_str(), MNT_DETACH);
}

// What is changed or taken off must be what was named. Over a link of the container's it would be the
// container who says which mount that is: the one that keeps it from writing to /proc/sys, say.
Status require_named(const Proc& proc, int object, std::string_view destination, Note& note) {
  char place[4096];
  Result<size_t> size = sys::readlink_at(proc.fd(), path_of(object).c_str(), place, sizeof place);
  if (!size.ok()) return size.status();
  const std::string_view found(place, *size);
  if (found == destination) return sys::kOk;
  note.add(" (links lead to ", found, "; if that is meant, name it)");
  return Status(ELOOP);
}

Result<UniqueFd> open_named(const MounterPlan& plan, const RootedDir& root, const std::string& destination,
                            Note& note) {
  Result<UniqueFd> object = root.open(destination.c_str(), O_PATH);
  if (!object.ok()) return object;
  if (Status st = require_named(plan.proc, object->get(), destination, note); !st.ok()) return st;
  return object;
}

Status unmount_one(const MounterPlan& plan, const RootedDir& root, const std::string& destination,
                   Note& note) {
  note.set("unmount ", destination);
  Result<UniqueFd> mounted = open_named(plan, root, destination, note);
  if (!mounted.ok()) return mounted.status();
  Result<struct statx> st = sys::statx(mounted->get(), "", AT_EMPTY_PATH, STATX_TYPE);
  if (!st.ok()) return st.status();
  if ((st->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && !(st->stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
    note.add(" (nothing is mounted there)");
    return Status(EINVAL);
  }
  return unmount_object(plan.proc, mounted->get());
}

Status unmount_all(const MounterPlan& plan, const RootedDir& root, Note& note) {
  for (const std::string& destination : plan.unmount)
    if (Status st = unmount_one(plan, root, destination, note); !st.ok()) return st;
  return sys::kOk;
}

Status remount_named(const MounterPlan& plan, const RootedDir& root, const rootfs::MountOp& op, Note& note) {
  note.set("remount ", op.destination);
  Result<UniqueFd> mounted = open_named(plan, root, op.destination, note);
  return mounted.ok() ? rootfs::remount(mounted->get(), op) : mounted.status();
}

Status mount_one(const MounterPlan& plan, const RootedDir& root, rootfs::MountOp& op, Note& note) {
  if (op.kind == rootfs::MountKind::kRemount) return remount_named(plan, root, op, note);
  Status st = rootfs::mount_live(root, op, note);
  const Note done = note;
  note.set("mount ", done.view());
  return st;
}

// One at a time, so that those before one that fails can be taken off again.
Status mount_all(MounterPlan& plan, const RootedDir& root, Note& note) {
  std::vector<rootfs::MountOp>& mounts = plan.rootfs.mounts;
  for (size_t i = 0; i < mounts.size(); ++i) {
    const Status st = mount_one(plan, root, mounts[i], note);
    if (st.ok()) continue;
    while (i-- > 0)
      if (mounts[i].tree.valid()) (void)unmount_object(plan.proc, mounts[i].tree.get());
    return st;
  }
  return sys::kOk;
}

Status work(MounterPlan& plan, Note& note) {
  if (Status st = enter(plan, note); !st.ok()) return st;
  note.set("open the container's root");
  Result<RootedDir> root = RootedDir::open_trusted("/");
  if (!root.ok()) return root.status();
  note.clear();
  return plan.unmount.empty() ? mount_all(plan, *root, note) : unmount_all(plan, *root, note);
}

}  // namespace

void run_mounter(MounterPlan& plan, UniqueFd channel) {
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
