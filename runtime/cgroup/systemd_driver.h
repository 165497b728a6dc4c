// SPDX-License-Identifier: Apache-2.0
// Asking a systemd manager, through the program crun-lite-systemd, to make, change and end a container's
// unit. Which limits a unit gets is systemd_properties.h; the files of its cgroup are cgroup.h's.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/cgroup/systemd_unit.h"
#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {

// Throws Error(kUnsupported) unless process 1 is systemd, when that is the manager that is meant.
void require_booted(const SystemdAccess& access);

// The cgroup that the manager is the root of, "" for the topmost. Throws Error(kUnsupported) when there is no
// such manager.
std::string manager_cgroup(const SystemdAccess& access);

// Makes the scope with process `pid` in it and gives its cgroup. Error(kExists) when there is such a unit.
std::string start_unit(const SystemdUnit& unit, pid_t pid, std::vector<UnitProperty> properties);
void set_unit_properties(const SystemdUnit& unit, std::vector<UnitProperty> properties);
// Moves a process into the unit, or into a cgroup inside it ("/container"), where the caller may not write to
// both cgroups himself.
void attach_to_unit(const SystemdUnit& unit, pid_t pid, const std::string& inside);
// Ends it, and returns when it has ended. One that is not there is fine; one of its name in another slice is
// not it.
void stop_unit(const SystemdUnit& unit);

}  // namespace crunlite::runtime
