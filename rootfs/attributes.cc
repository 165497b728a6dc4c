// SPDX-License-Identifier: Apache-2.0
#include "rootfs/attributes.h"

#include <vector>

#include "base/error.h"

namespace crunlite::rootfs {
namespace {

bool belongs_to_the_host(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.") ||
         name == "security.selinux";
}

std::string read_xattr(int fd, const std::string& name) {
  std::string value(check(sys::get_xattr(fd, name.c_str(), nullptr, 0), "read attribute ", name), '\0');
  if (value.empty()) return value;  // a size of 0 would only ask for the size again
  value.resize(check(sys::get_xattr(fd, name.c_str(), value.data(), value.size()), "read attribute ", name));
  return value;
}

std::map<std::string, std::string> read_xattrs(int fd) {
  std::map<std::string, std::string> out;
  const sys::Result<size_t> size = sys::list_xattrs(fd, nullptr, 0);
  if (!size.ok() && size.error() == EOPNOTSUPP) return out;
  std::string names(check(size, "list extended attributes"), '\0');
  if (names.empty()) return out;
  names.resize(check(sys::list_xattrs(fd, names.data(), names.size()), "list extended attributes"));
  for (const std::string_view name : split(names, '\0'))
    if (!name.empty() && !belongs_to_the_host(name))
      out[std::string(name)] = read_xattr(fd, std::string(name));
  return out;
}

}  // namespace

Attributes read_attributes(int dir) {
  const struct stat st = check(sys::fstat(dir), "stat");
  return {.mode = st.st_mode & 07777,
          .uid = st.st_uid,
          .gid = st.st_gid,
          .mtime = st.st_mtim,
          .xattrs = read_xattrs(dir)};
}

void apply_attributes(int dir, const Attributes& attributes) {
  check(sys::fchown(dir, attributes.uid, attributes.gid), "set the owner");
  check(sys::fchmod(dir, attributes.mode), "set the mode");
  for (const auto& [name, value] : attributes.xattrs)
    check(sys::set_xattr(dir, name.c_str(), value), "set the extended attribute ", printable(name));
  check(sys::set_times(dir, attributes.mtime, attributes.mtime), "set the times");
}

bool same_attributes(const Attributes& a, const Attributes& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.mtime.tv_sec == b.mtime.tv_sec &&
         a.mtime.tv_nsec == b.mtime.tv_nsec && a.xattrs == b.xattrs;
}

}  // namespace crunlite::rootfs
