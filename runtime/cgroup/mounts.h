// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies are mounted, with which controllers, and where we are in each. Reading only; the
// texts of mountinfo and cgroup (proc(5)) come in as arguments so that tests can show any machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/proc.h"

namespace crunlite::runtime {

struct MountedHierarchy {
  std::vector<std::string> controllers;  // v1: {"cpu","cpuacct"}, {"name=systemd"}; v2: from its root's file
  bool v2 = false;
  std::string mount_point;
  std::string
      own_path;  // ours, below the mount point: "/", "/user.slice"; "" when it is outside of the mount
};

// In the order of /proc/self/cgroup; hierarchies that are mounted nowhere are left out. Does not fill in v2's
// controllers.
std::vector<MountedHierarchy> parse_hierarchies(std::string_view mountinfo, std::string_view self_cgroup);

// Of this machine, v2's controllers included. Throws SysError.
std::vector<MountedHierarchy> mounted_hierarchies(const Proc& proc);

}  // namespace crunlite::runtime
