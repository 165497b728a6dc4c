// SPDX-License-Identifier: Apache-2.0
#include "rootfs/restore_root.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/rooted_dir.h"
#include "rootfs/mount_exec.h"
#include "rootfs/mount_target.h"

namespace crunlite::rootfs {
namespace {

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

// A file system of the container's own comes with all that is in it: criu keeps what a tmpfs holds, and
// procfs, sysfs and cgroupfs have their directories from the kernel.
bool criu_brings(const RootfsPlan& plan, const MountOp& op) {
  return std::ranges::any_of(plan.mounts, [&](const MountOp& other) {
    return other.kind == MountKind::kFilesystem && is_below(op.destination, other.destination);
  });
}

sys::Status make_one(const RootedDir& root, const RootfsPlan& plan, size_t index, Note& note) {
  const MountOp& op = plan.mounts[index];
  switch (op.kind) {
    case MountKind::kFilesystem:
      return open_mount_target(root, op.destination.c_str(), TargetKind::kDirectory, op.target).status();
    // Really mounted: the mount points of later ones may lie in it.
    case MountKind::kBind:
    case MountKind::kSymlink:
      return execute_mounts(root, plan, index, index + 1, note);
    case MountKind::kRemount:
      break;
  }
  return sys::kOk;
}

}  // namespace

PrivateMounts::PrivateMounts(const Proc& proc)
    : namespace_(check(sys::open_at(proc.fd(), "self/ns/mnt", O_RDONLY), "open our mount namespace")),
      root_(check(sys::open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY), "open /")),
      directory_(check(sys::open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY), "open the working directory")) {
  check(sys::unshare(CLONE_NEWNS), "make a mount namespace");
  // The copy of a shared mount is its peer: as a slave it only listens.
  const sys::Status slave = sys::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr);
  if (slave.ok()) return;
  (void)sys::setns(namespace_.get(), CLONE_NEWNS);
  check(slave, "keep mounts from reaching the host");
}

PrivateMounts::~PrivateMounts() {
  // setns(2) goes to the root of the namespace: ours and the working directory may have been others.
  sys::Status back = sys::setns(namespace_.get(), CLONE_NEWNS);
  if (back.ok()) back = sys::fchdir(root_.get());
  if (back.ok()) back = sys::chroot(".");
  if (back.ok()) back = sys::fchdir(directory_.get());
  if (!back.ok()) log::warning(cat("cannot return to our own mount namespace: ", error_text(back.error())));
}

void mount_root(const std::string& source, const std::string& target) {
  check(sys::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "mount ", source,
        " on ", target);
}

void make_mount_points(const Proc& proc, const RootfsPlan& plan) {
  const PrivateMounts here(proc);
  // A private copy: what is mounted below it stays below it.
  const RootedDir root = check(RootedDir::open_trusted(plan.path.c_str()), "open ", plan.path);
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    if (criu_brings(plan, plan.mounts[i])) continue;
    Note note;
    const sys::Status made = make_one(root, plan, i, note);
    check(made, "make the mount point ", plan.mounts[i].destination, note.empty() ? "" : ": ", note.view());
  }
}

}  // namespace crunlite::rootfs
