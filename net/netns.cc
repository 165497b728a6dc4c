// SPDX-License-Identifier: Apache-2.0
#include "net/netns.h"

#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "net/link.h"
#include "net/sysctl.h"

namespace crunlite::net {

UniqueFd current_netns() {
  // A socket belongs to the namespace it was made in and tells which (SIOCGSKNS): no way through /proc.
  const UniqueFd socket = check(sys::socket(AF_UNIX, SOCK_DGRAM, 0), "open a socket");
  const int fd = ::ioctl(socket.get(), SIOCGSKNS);
  if (fd < 0) throw SysError(errno, "open the current network namespace");
  return UniqueFd(fd);
}

NetnsScope::NetnsScope(int fd) : home_(current_netns()) {
  check(sys::setns(fd, CLONE_NEWNET), "enter the container's network namespace");
}

NetnsScope::NetnsScope() : home_(current_netns()) {
  check(sys::unshare(CLONE_NEWNET), "create a network namespace");
}

NetnsScope::~NetnsScope() {
  // What this throws cannot leave a destructor: the process ends, which is the point.
  check(sys::setns(home_.get(), CLONE_NEWNET), "return to the host's network namespace");
}

UniqueFd create_netns(const Proc& proc) {
  const NetnsScope inside;
  UniqueFd netns = current_netns();
  Netlink route = Netlink::open(NETLINK_ROUTE);
  std::vector<Message> messages;
  messages.push_back(set_link_up(1, "lo"));
  route.transact(std::move(messages));
  if (!read_sysctl(proc, "net/ipv6/conf/default/accept_ra")) return netns;
  write_sysctl(proc, "net/ipv6/conf/default/accept_ra", "0");
  write_sysctl(proc, "net/ipv6/conf/default/disable_ipv6", "1");
  return netns;
}

void enable_ipv6(const Proc& proc, const std::string& interface) {
  const std::string settings = cat("net/ipv6/conf/", interface);
  write_sysctl(proc, cat(settings, "/accept_dad"), "0");
  write_sysctl(proc, cat(settings, "/disable_ipv6"), "0");
}

void pin_netns(int netns, const std::string& path) {
  const UniqueFd file =
      check(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_CREAT | O_EXCL, 0444), "create ", path);
  const UniqueFd mount = check(sys::open_tree(netns, "", AT_EMPTY_PATH | OPEN_TREE_CLONE),
                               "open the network namespace as a mount");
  check(sys::move_mount(mount.get(), "", file.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        "mount the network namespace on ", path);
}

void unpin_netns(const std::string& path) {
  const sys::Status unmounted = sys::umount(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  // EINVAL: not a mount point, because we were killed between creating the file and mounting.
  if (!unmounted.ok() && unmounted.error() != EINVAL && unmounted.error() != ENOENT)
    check(unmounted, "unmount ", path);
  const sys::Status removed = sys::unlink_at(AT_FDCWD, path.c_str());
  if (!removed.ok() && removed.error() != ENOENT) check(removed, "remove ", path);
}

bool netns_has_process(const Proc& proc, const std::string& path) {
  const sys::Result<struct stat> pinned = sys::stat_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
  if (!pinned.ok()) return false;
  const auto is_there = [&](const std::string& name) {
    if (!parse_number<uint32_t>(name)) return false;
    const sys::Result<struct stat> ns = sys::stat_at(proc.fd(), cat(name, "/ns/net").c_str(), 0);
    return ns.ok() && ns->st_ino == pinned->st_ino && ns->st_dev == pinned->st_dev;
  };
  const std::vector<std::string> names = list_dir(proc.fd(), ".");
  return std::any_of(names.begin(), names.end(), is_there);
}

}  // namespace crunlite::net
