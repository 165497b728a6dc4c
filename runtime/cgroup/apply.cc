// SPDX-License-Identifier: Apache-2.0
// linux.resources brought to a container's cgroups: each controller's settings in the place that has it, the
// files of `unified`, the device filter.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/user_namespace.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/devices.h"
#include "runtime/cgroup/tree.h"
#include "runtime/cgroup/writer.h"

namespace crunlite::runtime {
namespace {

bool admits_no_process(const Settings& settings) {
  return settings.size() == 1 && settings.front() == Setting{"pids.max", "0"};
}

Error missing_controller(std::string_view name, const std::string& file) {
  Error error(ErrorKind::kUnsupported, "linux.resources needs the ", name,
              " controller, which is not in any cgroup hierarchy that is mounted here");
  error.with_remedy(cat("enable it (see /proc/cgroups) or leave ", file, " unset"));
  return error;
}

void refuse_without_cgroups(const Settings& settings) {
  // podman writes a limit of 0 processes when it asks for no cgroups at all.
  if (admits_no_process(settings)) return;
  throw Error(ErrorKind::kUnsupported, "linux.resources asks for a limit (", settings.front().file,
              ") and the cgroup manager is disabled");
}

}  // namespace

void Cgroup::apply(const oci::Resources& resources) {
  SettingWriter writer(SettingWriter::Undo::kNo);
  apply_limits(resources, writer);
  apply_devices(resources.devices);
  apply_unified(resources, writer);
}

void Cgroup::update(const oci::Resources& resources) {
  SettingWriter writer(SettingWriter::Undo::kYes);
  try {
    apply_limits(resources, writer);
    apply_unified(resources, writer);
    if (plan_.systemd) {
      // systemd writes its own rounding of the values, and they are written once more.
      update_unit(resources);
      SettingWriter again(SettingWriter::Undo::kNo);
      apply_limits(resources, again);
      apply_unified(resources, again);
    }
    // Last: the filter is one step, of which nothing has to be taken back.
    if (!resources.devices.empty()) apply_devices(resources.devices);
  } catch (Error& error) {
    error.prepend(writer.take_back());
    throw;
  }
}

const Cgroup::Place* Cgroup::place_of(const Controller& controller) const {
  for (const Place& place : places_) {
    const std::string_view name = place.where.v2 ? controller.v2_name : controller.v1_name;
    const std::vector<std::string>& here = place.where.controllers;
    if (!name.empty() && std::find(here.begin(), here.end(), name) != here.end()) return &place;
  }
  return nullptr;
}

void Cgroup::apply_limits(const oci::Resources& resources, SettingWriter& writer) {
  const bool v2_alone = plan_.hierarchies.size() == 1 && plan_.v2();
  for (const Controller& controller : kControllers) {
    const Place* place = place_of(controller);
    const CurrentValue current = [&](const std::string& file) {
      return place ? read_cgroup_file(place->dir.get(), file) : std::nullopt;
    };
    const bool v2 = place ? place->where.v2 : v2_alone;
    const Settings settings = (v2 ? controller.v2 : controller.v1)(resources, current);
    if (settings.empty()) continue;
    const std::string_view name = v2 ? controller.v2_name : controller.v1_name;
    if (plan_.manager == CgroupManager::kDisabled) {
      refuse_without_cgroups(settings);
      continue;
    }
    if (!place) {
      if (std::ranges::all_of(settings, &Setting::optional)) continue;
      Error missing = missing_controller(name, settings.front().file);
      if (plan_.rootless && v2_alone) missing.with_remedy(kDelegation);
      throw missing;
    }
    // The clone into a cgroup that admits no process would fail: the limit comes with join().
    if (v2 && admits_no_process(settings) && cgroup_processes(place->dir.get()).empty()) {
      pids_zero_pending_ = true;
      continue;
    }
    if (v2 && !v2_alone) enable(*place, {std::string(name)});
    writer.write(place->dir.get(), place->where, name, settings);
  }
}

// In a hybrid the controllers of v2 are handed down only when somebody asks for one.
void Cgroup::enable(const Place& place, const std::vector<std::string>& controllers) {
  const UniqueFd root = open_cgroup_root(place.where.mount_point, CgroupVersion::kV2);
  (void)make_cgroup(root.get(), place.where.path,
                    [&](int, int parent) { enable_controllers(parent, controllers); });
}

void Cgroup::apply_unified(const oci::Resources& resources, SettingWriter& writer) {
  const Settings settings = unified(resources);
  if (settings.empty()) return;
  const Place* place = v2_place();
  if (!place)
    throw Error(ErrorKind::kUnsupported,
                "invalid configuration: linux.resources.unified needs cgroup v2, which is not mounted here")
        .with_remedy("use the sections of cgroup v1 (memory, cpu, pids …) on this machine");
  std::vector<std::string> needed;
  for (const Setting& setting : settings) needed.push_back(setting.file.substr(0, setting.file.find('.')));
  with_context("invalid configuration: linux.resources.unified", [&] {
    enable(*place, needed);
    for (size_t i = 0; i < settings.size(); ++i)
      writer.write(place->dir.get(), place->where, needed[i], {settings[i]});
  });
}

void Cgroup::apply_devices(const std::vector<oci::DeviceRule>& rules) {
  if (plan_.manager == CgroupManager::kDisabled) return;
  const std::vector<oci::DeviceRule> all = with_default_devices(rules);
  const Place* place = nullptr;
  for (const Place& candidate : places_) {
    const std::vector<std::string>& here = candidate.where.controllers;
    if (std::find(here.begin(), here.end(), "devices") != here.end()) place = &candidate;
  }
  if (!place) place = v2_place();
  try {
    if (!place)
      throw SysError(EPERM, "restrict devices: there is neither the devices controller of v1 nor cgroup v2");
    if (place->where.v2) {
      attach_device_program(place->dir.get(), device_program(all));
    } else {
      const std::string present = read_cgroup_file(place->dir.get(), "devices.list").value_or("");
      SettingWriter(SettingWriter::Undo::kNo)
          .write(place->dir.get(), place->where, "devices", device_settings_v1(all, present));
    }
  } catch (const SysError& error) {
    // There nobody can make a device node, and the runtime binds only the harmless ones.
    const auto elsewhere = [] { return in_user_namespace(check(Proc::open(), "open procfs")); };
    if ((error.error() == EPERM || error.error() == EACCES) && (plan_.rootless || elsewhere())) return;
    throw;
  }
}

}  // namespace crunlite::runtime
