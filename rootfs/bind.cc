// SPDX-License-Identifier: Apache-2.0
#include "rootfs/bind.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/note.h"
#include "base/proc.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

// ENOSYS: an old kernel; EPERM: also how sandboxes older than a call refuse it. A real EPERM comes back from
// the old call too.
bool may_be_missing(int error) {
  return error == ENOSYS || error == EPERM;
}

Status set_attributes(int fd, const AttrChange& change, unsigned long propagation, bool recursive) {
  if (change.empty() && propagation == 0) return sys::kOk;
  const struct mount_attr attributes {
    .attr_set = change.set, .attr_clr = change.clear, .propagation = propagation, .userns_fd = 0
  };
  return sys::mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U), attributes);
}

// --- the same with mount(2) --------------------------------------------------------------------------------

struct FlagPair {
  uint64_t attribute;
  unsigned long mount_flag;
  unsigned long statfs_flag;
};
constexpr unsigned long kStatNoSymFollow = 0x2000;  // ST_NOSYMFOLLOW, include/linux/statfs.h
constexpr FlagPair kFlagPairs[] = {
    {MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY},
    {MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID},
    {MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV},
    {MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC},
    {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME},
    {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, kStatNoSymFollow},
};

// The access-time mode is a field of its own: a remount that names none keeps what is there.
unsigned long access_time_flags(unsigned long now, const AttrChange& change) {
  if (change.clear & MOUNT_ATTR__ATIME) {
    if (change.set & MOUNT_ATTR_NOATIME) return MS_NOATIME;
    return change.set & MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME : MS_RELATIME;
  }
  if (now & ST_NOATIME) return MS_NOATIME;
  return now & ST_RELATIME ? MS_RELATIME : MS_STRICTATIME;
}

// mount(2) takes paths: descriptors are named through a procfs that nobody has mounted anything over.
class DescriptorPaths {
 public:
  static Result<DescriptorPaths> open() {
    Result<Proc> proc = Proc::open();
    if (!proc.ok()) return proc.status();
    DescriptorPaths paths;
    paths.proc_ = std::move(*proc);
    if (Status st = sys::fchdir(paths.proc_.fd()); !st.ok()) return st;
    return paths;
  }
  FixedText<32> name(int fd) const {
    FixedText<32> text;
    text.add("self/fd/", static_cast<unsigned long>(fd));
    return text;
  }

 private:
  Proc proc_;  // is the working directory while this lives
};

Status remount_bind(const DescriptorPaths& paths, int fd, const AttrChange& change) {
  if (change.empty()) return sys::kOk;
  Result<struct statfs> fs = sys::fstatfs(fd);
  if (!fs.ok()) return fs.status();
  const auto current = static_cast<unsigned long>(fs->f_flags);
  unsigned long flags = MS_REMOUNT | MS_BIND | access_time_flags(current, change);
  for (const FlagPair& pair : kFlagPairs) {
    const bool now = current & pair.statfs_flag;
    if ((now && !(change.clear & pair.attribute)) || (change.set & pair.attribute)) flags |= pair.mount_flag;
  }
  return sys::mount(nullptr, paths.name(fd).c_str(), nullptr, flags, nullptr);
}

Status change_mount_legacy(int fd, const AttrChange& top, const AttrChange& tree,
                           const unsigned long* propagation, size_t count) {
  if (!tree.empty()) return Status(ENOSYS);  // needs mount_setattr, Linux 5.12
  Result<DescriptorPaths> paths = DescriptorPaths::open();
  if (!paths.ok()) return paths.status();
  if (Status st = remount_bind(*paths, fd, top); !st.ok()) return st;
  for (size_t i = 0; i < count; ++i) {
    Status st = sys::mount(nullptr, paths->name(fd).c_str(), nullptr, propagation[i], nullptr);
    if (!st.ok()) return st;
  }
  return sys::kOk;
}

Status bind_legacy(const BindRequest& request) {
  if (!request.follow) return Status(ENOSYS);  // mount(2) always follows
  Result<DescriptorPaths> paths = DescriptorPaths::open();
  if (!paths.ok()) return paths.status();
  FixedText<32> object;
  if (request.object >= 0) object = paths->name(request.object);
  const char* source = request.object >= 0 ? object.c_str() : request.path;
  const unsigned long flags = request.recursive ? MS_BIND | MS_REC : MS_BIND;
  if (Status st = sys::mount(source, paths->name(request.target).c_str(), nullptr, flags, nullptr); !st.ok())
    return st;
  if (request.attributes.empty() && request.recursive_attributes.empty() && request.propagation_count == 0)
    return sys::kOk;
  Result<UniqueFd> mounted = request.root->open(request.destination, O_PATH);
  if (!mounted.ok()) return mounted.status();
  return change_mount_legacy(mounted->get(), request.attributes, request.recursive_attributes,
                             request.propagation, request.propagation_count);
}

Status change_mount_by_fd(int fd, const AttrChange& top, const AttrChange& tree,
                          const unsigned long* propagation, size_t count) {
  Status st = set_attributes(fd, top, 0, false);
  if (st.ok()) st = set_attributes(fd, tree, 0, true);
  for (size_t i = 0; st.ok() && i < count; ++i)
    st =
        set_attributes(fd, {}, propagation[i] & ~static_cast<unsigned long>(MS_REC), propagation[i] & MS_REC);
  return st;
}

Result<UniqueFd> copy_tree(const BindRequest& request) {
  const unsigned flags = static_cast<unsigned>(OPEN_TREE_CLONE) | (request.recursive ? AT_RECURSIVE : 0U);
  if (request.object >= 0) return sys::open_tree(request.object, "", flags | AT_EMPTY_PATH);
  return sys::open_tree(AT_FDCWD, request.path, flags | (request.follow ? 0U : AT_SYMLINK_NOFOLLOW));
}

Status change_and_attach(int tree, const BindRequest& request) {
  // Before it is attached: the container never sees the mount without its restrictions.
  if (Status st = change_mount_by_fd(tree, request.attributes, request.recursive_attributes,
                                     request.propagation, request.propagation_count);
      !st.ok())
    return st;
  return sys::move_mount(tree, "", request.target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

}  // namespace

Status bind(const BindRequest& request) {
  if (request.tree >= 0) return change_and_attach(request.tree, request);
  Result<UniqueFd> tree = copy_tree(request);
  if (may_be_missing(tree.error())) return bind_legacy(request);
  if (!tree.ok()) return tree.status();
  Status st = change_and_attach(tree->get(), request);
  return may_be_missing(st.error()) ? bind_legacy(request) : st;
}

Status change_mount(int fd, const AttrChange& top, const AttrChange& tree, const unsigned long* propagation,
                    size_t propagation_count) {
  const Status st = change_mount_by_fd(fd, top, tree, propagation, propagation_count);
  if (!may_be_missing(st.error())) return st;
  const Status old = change_mount_legacy(fd, top, tree, propagation, propagation_count);
  return old.error() == ENOSYS ? st : old;
}

Status make_read_only(const RootedDir& root, const char* destination) {
  Result<UniqueFd> mounted = root.open(destination, O_PATH);
  if (!mounted.ok()) return mounted.status();
  return change_mount(mounted->get(), {.set = MOUNT_ATTR_RDONLY}, {}, nullptr, 0);
}

}  // namespace crunlite::rootfs
