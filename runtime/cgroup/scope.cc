// SPDX-License-Identifier: Apache-2.0
// The part of Cgroup that is systemd's: a scope around the container's first process, with Delegate=true, so
// that what is inside it is the runtime's (systemd.io, CGROUP_DELEGATION). systemd knows the limits that it
// has properties for; the files get all of them afterwards, exactly and in both drivers the same.
#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/devices.h"
#include "runtime/cgroup/settings.h"
#include "runtime/cgroup/systemd_driver.h"
#include "runtime/cgroup/systemd_properties.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

void append(Settings& to, Settings&& from) {
  std::ranges::move(from, std::back_inserter(to));
}

void append(std::vector<UnitProperty>& to, std::vector<UnitProperty>&& from) {
  std::ranges::move(from, std::back_inserter(to));
}

const CgroupHierarchy* hierarchy_of(const CgroupPlan& plan, const Controller& controller) {
  for (const CgroupHierarchy& here : plan.hierarchies) {
    const std::string_view name = here.v2 ? controller.v2_name : controller.v1_name;
    if (!name.empty() && std::ranges::find(here.controllers, name) != here.controllers.end()) return &here;
  }
  return nullptr;
}

std::string device_names() {
  constexpr size_t kMostText = 1u << 20;
  const Proc proc = check(Proc::open(), "open procfs");
  const UniqueFd file = check(proc.open_file("devices", O_RDONLY), "open the list of devices");
  return read_fd(file.get(), "devices", kMostText);
}

std::vector<UnitProperty> scope_properties(const CgroupPlan& plan) {
  const bool v1 = std::ranges::any_of(plan.hierarchies, [](const CgroupHierarchy& h) { return !h.v2; });
  return {
      {"Description", "s", cat("crun-lite container ", plan.id)},
      {"Slice", "s", plan.systemd->slice},
      {"Delegate", "b", true},
      // The machine shuts down containers after what they may depend on; their order is their caller's
      // affair.
      {"DefaultDependencies", "b", false},
      {"CPUAccounting", "b", true},
      {v1 ? "BlockIOAccounting" : "IOAccounting", "b", true},
      {"MemoryAccounting", "b", true},
      {"TasksAccounting", "b", true},
  };
}

}  // namespace

std::vector<UnitProperty> Cgroup::unit_limits(const oci::Resources& resources) const {
  Settings v1;
  Settings v2;
  for (const Controller& controller : kControllers) {
    const CgroupHierarchy* where = hierarchy_of(plan_, controller);
    if (!where) continue;  // apply_limits() says that it is missing
    const Place* place = place_of(controller);
    const CurrentValue current = [&](const std::string& file) {
      return place ? read_cgroup_file(place->dir.get(), file) : std::nullopt;
    };
    append(where->v2 ? v2 : v1, (where->v2 ? controller.v2 : controller.v1)(resources, current));
  }
  if (plan_.v2()) append(v2, unified(resources));
  std::vector<UnitProperty> properties = limit_properties(v2, LimitsOf::kV2);
  append(properties, limit_properties(v1, LimitsOf::kV1));
  return properties;
}

void Cgroup::open_places_of_unit(const std::string& unit_cgroup) {
  const std::string mark = cgroup_owner_mark(plan_.owner, plan_.id);
  for (CgroupHierarchy& where : plan_.hierarchies) {
    // Controllers that systemd does not manage (v1's freezer, cpuset …) have no directory for the unit yet.
    const bool named = where.controllers == std::vector<std::string>{"name=systemd"};
    if ((where.v2 || named) && !unit_cgroup.empty()) where.path = unit_cgroup + plan_.systemd->subgroup;
    places_.push_back({.where = where, .dir = make_place(where), .ours = true});
    mark_cgroup(places_.back().dir.get(), CgroupMark::kMade, mark);
    if (plan_.systemd->subgroup.empty() || !where.v2) continue;
    const UniqueFd root = open_cgroup_root(where.mount_point, CgroupVersion::kV2);
    if (const sys::Result<UniqueFd> unit = open_cgroup(root.get(), unit_cgroup); unit.ok())
      mark_cgroup(unit->get(), CgroupMark::kMade, mark);
  }
}

// The kernel hands controllers down only from a cgroup without processes (cgroups(7), "no internal
// processes"): the process, which systemd has put into the unit's own, goes first.
void Cgroup::enter_subgroup(pid_t pid) {
  const Place* v2 = v2_place();
  if (!v2 || plan_.systemd->subgroup.empty()) return;
  check(write_cgroup_file(v2->dir.get(), "cgroup.procs", cat(pid)), "move process ", pid, " to cgroup ",
        v2->where.full_path());
  if (places_.size() == 1) enable(*v2, v2->where.controllers);
}

std::string Cgroup::path_in_unit(const Place& place) const {
  const size_t unit = plan_.v2()->path.size() - plan_.systemd->subgroup.size();
  return place.where.path.substr(unit);
}

void Cgroup::start_unit(pid_t pid, const UnitContents& contents) {
  std::vector<UnitProperty> properties = scope_properties(plan_);
  append(properties, annotated_properties(contents.annotations));
  append(properties, unit_limits(contents.resources));
  // A user's manager may not filter devices.
  if (!plan_.rootless)
    append(properties, device_properties(with_default_devices(contents.resources.devices), device_names()));
  std::string unit_cgroup;
  try {
    unit_started_ = true;
    unit_cgroup = runtime::start_unit(*plan_.systemd, pid, std::move(properties));
  } catch (const Error& error) {
    unit_started_ = error.kind() != ErrorKind::kExists;  // somebody else's stays
    throw;
  }
  open_places_of_unit(unit_cgroup);
  enter_subgroup(pid);
  apply(contents.resources);
  // On v2 systemd has placed it; v1 has hierarchies that systemd knows nothing of.
  join(pid, InV2::kYes);
}

void Cgroup::update_unit(const oci::Resources& resources) const {
  std::vector<UnitProperty> properties = unit_limits(resources);
  if (!resources.devices.empty() && !plan_.rootless)
    append(properties, device_properties(with_default_devices(resources.devices), device_names()));
  if (!properties.empty()) set_unit_properties(*plan_.systemd, std::move(properties));
}

void Cgroup::stop_unit_if_ours() {
  if (!plan_.systemd || foreign_ || (armed_ && !unit_started_)) return;
  try {
    stop_unit(*plan_.systemd);
  } catch (const Error& error) {
    // Its cgroup is removed all the same, and with it goes the unit.
    log::warning(error.what());
  }
}

}  // namespace crunlite::runtime
