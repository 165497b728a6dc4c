// SPDX-License-Identifier: Apache-2.0
// What a container is to systemd: which unit, in which slice, of which manager, and where that unit's cgroup
// is. Pure; talking to the manager is systemd_driver.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace crunlite::runtime {

// How a manager is reached.
struct SystemdAccess {
  std::string helper;  // the program crun-lite-systemd, absolute
  bool user = false;   // the user's own manager instead of the machine's
  std::vector<std::string> addresses;
};

struct SystemdUnit {
  SystemdAccess access;
  std::string name;   // "crun-lite-web.scope"
  std::string slice;  // "machine.slice"
  // Below the unit's cgroup, where the container is: "" or "/container".
  std::string subgroup;
};

// linux.cgroupsPath as "slice:prefix:name"; empty parts and an absent path have runc's defaults: system.slice
// (user.slice of a user's manager), prefix "crun-lite", the container's id. Throws Error(kConfig).
SystemdUnit plan_unit(const std::string& spec_path, const std::string& id, const SystemdAccess& access);

// "a-b.slice" is "/a.slice/a-b.slice" and "-.slice" is "": systemd.slice(5). Throws Error(kConfig).
std::string slice_path(std::string_view slice);

// Characters that a unit's name cannot have become \x2b and the like, as systemd-escape(1) does.
std::string escape_unit_name(std::string_view name);

json::Value encode_unit(const SystemdUnit& unit);
SystemdUnit decode_unit(const json::Reader& reader);

}  // namespace crunlite::runtime
