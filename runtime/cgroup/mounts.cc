// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/mounts.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/text.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

constexpr size_t kMountinfoLimit = 64u << 20;  // hosts with ten thousand containers

struct CgroupMount {
  std::string root;
  std::string mount_point;
  bool v2 = false;
  std::vector<std::string_view> options;  // of the superblock
};

// "36 35 98:0 /root /mount/point rw,noatime shared:1 - cgroup cgroup rw,memory"
std::optional<CgroupMount> parse_mount(std::string_view line) {
  const size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> tail = split(line.substr(dash + 3), ' ');
  if (tail.size() < 3 || (tail[0] != "cgroup" && tail[0] != "cgroup2")) return std::nullopt;
  const std::vector<std::string_view> head = split(line.substr(0, dash), ' ');
  if (head.size() < 6) return std::nullopt;
  return CgroupMount{.root = unescape_mountinfo(head[3]),
                     .mount_point = unescape_mountinfo(head[4]),
                     .v2 = tail[0] == "cgroup2",
                     .options = split(tail.back(), ',')};
}

bool carries(const CgroupMount& mount, const std::vector<std::string>& controllers) {
  return std::all_of(controllers.begin(), controllers.end(), [&](const std::string& controller) {
    return std::find(mount.options.begin(), mount.options.end(), controller) != mount.options.end();
  });
}

// Our path in the hierarchy as seen below a mount of its directory `root`.
std::string below_mount(std::string_view own, std::string_view root) {
  if (root == "/") return std::string(own);
  if (own == root) return "/";
  if (own.substr(0, root.size()) == root && own.substr(root.size(), 1) == "/")
    return std::string(own.substr(root.size()));
  return "";
}

}  // namespace

std::vector<MountedHierarchy> parse_hierarchies(std::string_view mountinfo, std::string_view self_cgroup) {
  std::vector<CgroupMount> mounts;
  for (const std::string_view line : split(mountinfo, '\n')) {
    if (std::optional<CgroupMount> mount = parse_mount(line)) mounts.push_back(std::move(*mount));
  }
  std::vector<MountedHierarchy> found;
  for (const std::string_view line : split(self_cgroup, '\n')) {
    // "4:cpu,cpuacct:/path"; the path itself may contain colons.
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    MountedHierarchy here;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    here.v2 = names.empty();
    if (!here.v2)
      for (const std::string_view name : split(names, ',')) here.controllers.emplace_back(name);
    for (const CgroupMount& mount : mounts) {
      if (mount.v2 != here.v2 || !carries(mount, here.controllers)) continue;
      here.mount_point = mount.mount_point;
      here.own_path = below_mount(line.substr(second + 1), mount.root);
      found.push_back(std::move(here));
      break;  // the first mount: the later ones are those of somebody's containers
    }
  }
  return found;
}

std::vector<MountedHierarchy> mounted_hierarchies(const Proc& proc) {
  const auto read = [&](const char* path) {
    const UniqueFd file = check(proc.open_file(path, O_RDONLY), "open /proc/", path);
    return read_fd(file.get(), path, kMountinfoLimit);
  };
  std::vector<MountedHierarchy> found = parse_hierarchies(read("self/mountinfo"), read("self/cgroup"));
  for (MountedHierarchy& here : found) {
    if (!here.v2) continue;
    const UniqueFd root = open_cgroup_root(here.mount_point, CgroupVersion::kV2);
    here.controllers = available_controllers(root.get());
  }
  return found;
}

}  // namespace crunlite::runtime
