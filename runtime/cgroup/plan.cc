// SPDX-License-Identifier: Apache-2.0
// Where a container's cgroups will be, were, and are seen from inside.
#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/mounts.h"
#include "runtime/cgroup/systemd_driver.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

struct ManagerName {
  CgroupManager manager;
  std::string_view name;
};
constexpr ManagerName kManagers[] = {
    {CgroupManager::kCgroupfs, "cgroupfs"},
    {CgroupManager::kSystemd, "systemd"},
    {CgroupManager::kDisabled, "disabled"},
};

constexpr std::string_view kDefaultParent = "/crun-lite/";

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string place_in(const MountedHierarchy& here, const CgroupRequest& request) {
  const std::string& wanted = request.spec_path;
  std::string path;
  if (wanted.empty()) {
    // Without privileges the root is not ours to use; what is beside us may be, if somebody has delegated it.
    const bool beside = request.rootless && here.v2 && !here.own_path.empty();
    path = cat(beside ? parent_of(here.own_path) : "", kDefaultParent, request.id);
  } else if (wanted.front() == '/') {
    path = wanted;
  } else {
    if (here.own_path.empty())
      throw Error(ErrorKind::kUnsupported, "the relative cgroup path ", quote(wanted),
                  " has no meaning here: this process is outside of the cgroups mounted on ",
                  here.mount_point)
          .with_remedy("use an absolute cgroupsPath");
    path = cat(here.v2 ? parent_of(here.own_path) : here.own_path, "/", wanted);
  }
  const std::vector<std::string> components = cgroup_components(path);
  if (components.empty())
    throw Error(ErrorKind::kConfig, "cgroup path ", quote(wanted), " is the root cgroup")
        .with_remedy("name a cgroup of the container's own, such as /crun-lite/web");
  return cat("/", join(components, "/"));
}

UniqueFd open_hierarchy(const std::string& mount_point, bool v2) {
  return open_cgroup_root(mount_point, v2 ? CgroupVersion::kV2 : CgroupVersion::kV1);
}

// The machine's manager tells where it is without being asked: process 1 is in its init.scope.
std::string cgroup_of_manager(const SystemdAccess& access, const Proc& proc) {
  constexpr std::string_view kOwnScope = "/init.scope";
  constexpr size_t kMostText = 1u << 20;
  if (access.user) return manager_cgroup(access);
  require_booted(access);
  const sys::Result<UniqueFd> file = proc.open_file("1/cgroup", O_RDONLY);
  if (!file.ok()) return manager_cgroup(access);
  const std::string text = read_fd(file->get(), "1/cgroup", kMostText);
  for (const std::string_view line : split(text, '\n')) {
    const size_t path = line.find(":/");
    const bool its_own = line.starts_with("0::") || line.find(":name=systemd:") != std::string_view::npos;
    if (!its_own || !line.ends_with(kOwnScope) || path == std::string_view::npos) continue;
    return std::string(line.substr(path + 1, line.size() - path - 1 - kOwnScope.size()));
  }
  return manager_cgroup(access);
}

std::string plan_systemd(const CgroupRequest& request, const Proc& proc, CgroupPlan& plan) {
  plan.systemd = plan_unit(request.spec_path, request.id, request.systemd);
  const std::vector<std::string> inside = cgroup_components(request.systemd_subgroup);
  if (!inside.empty()) plan.systemd->subgroup = cat("/", join(inside, "/"));
  return cat(cgroup_of_manager(request.systemd, proc), slice_path(plan.systemd->slice), "/",
             plan.systemd->name, plan.systemd->subgroup);
}

}  // namespace

CgroupManager parse_cgroup_manager(std::string_view name) {
  for (const ManagerName& known : kManagers) {
    if (known.name == name) return known.manager;
  }
  throw Error(ErrorKind::kUsage, "unknown cgroup manager ", quote(name),
              ": it is one of cgroupfs, systemd and disabled");
}

std::string_view cgroup_manager_name(CgroupManager manager) {
  for (const ManagerName& known : kManagers) {
    if (known.manager == manager) return known.name;
  }
  return "";
}

const CgroupHierarchy* CgroupPlan::v2() const {
  for (const CgroupHierarchy& here : hierarchies) {
    if (here.v2) return &here;
  }
  return nullptr;
}

const CgroupHierarchy* CgroupPlan::with_controller(std::string_view controller) const {
  for (const CgroupHierarchy& here : hierarchies) {
    if (std::find(here.controllers.begin(), here.controllers.end(), controller) != here.controllers.end())
      return &here;
  }
  return nullptr;
}

CgroupPlan plan_cgroup(const CgroupRequest& request, const Proc& proc) {
  CgroupPlan plan{.manager = request.manager, .id = request.id, .owner = request.owner};
  plan.rootless = request.rootless;
  plan.may_be_missing =
      request.rootless && request.spec_path.empty() && request.manager == CgroupManager::kCgroupfs;
  // A hostile path is an error on every machine and with every manager.
  (void)cgroup_components(request.spec_path);
  if (request.manager == CgroupManager::kDisabled) return plan;
  const bool by_systemd = request.manager == CgroupManager::kSystemd;
  const std::string of_unit = by_systemd ? plan_systemd(request, proc, plan) : "";
  for (MountedHierarchy& here : mounted_hierarchies(proc)) {
    std::string path = by_systemd ? of_unit : place_in(here, request);
    const UniqueFd root = open_hierarchy(here.mount_point, here.v2);
    const bool existed = open_cgroup(root.get(), path).ok();
    plan.hierarchies.push_back({.controllers = std::move(here.controllers),
                                .v2 = here.v2,
                                .mount_point = std::move(here.mount_point),
                                .path = std::move(path),
                                .existed = existed});
  }
  if (plan.hierarchies.empty() && !plan.may_be_missing)
    throw Error(ErrorKind::kUnsupported, "no cgroup file system is mounted")
        .with_remedy("mount cgroup2 on /sys/fs/cgroup, or use --cgroup-manager disabled");
  return plan;
}

CgroupPlan discover_cgroup(const std::string& id, const std::string& owner, const Proc& proc) {
  CgroupPlan plan{.manager = CgroupManager::kCgroupfs, .id = id, .owner = owner};
  const std::string mark = cgroup_owner_mark(owner, id);
  for (const MountedHierarchy& here : mounted_hierarchies(proc)) {
    const UniqueFd root = open_hierarchy(here.mount_point, here.v2);
    for (std::string& path : find_marked_cgroups(root.get(), mark)) {
      plan.hierarchies.push_back({.controllers = here.controllers,
                                  .v2 = here.v2,
                                  .mount_point = here.mount_point,
                                  .path = std::move(path)});
    }
  }
  return plan;
}

std::vector<ContainerCgroupMount> container_cgroup_mounts(const CgroupPlan& plan) {
  constexpr std::string_view kNamed = "name=";
  std::vector<ContainerCgroupMount> mounts;
  const bool hybrid = plan.hierarchies.size() > 1;
  for (const CgroupHierarchy& here : plan.hierarchies) {
    ContainerCgroupMount mount{.host_path = here.full_path()};
    if (here.v2) {
      mount.type = "cgroup2";
      mount.directory = hybrid ? "unified" : "";
    } else {
      const std::string list = join(here.controllers, ",");
      const bool named = list.compare(0, kNamed.size(), kNamed) == 0;
      mount.type = "cgroup";
      mount.directory = named ? list.substr(kNamed.size()) : list;
      mount.data = named ? "none," + list : list;
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

std::vector<ContainerCgroupMount> own_cgroup_mounts(const Proc& proc) {
  CgroupPlan own;
  for (MountedHierarchy& here : mounted_hierarchies(proc))
    own.hierarchies.push_back({.controllers = std::move(here.controllers),
                               .v2 = here.v2,
                               .mount_point = std::move(here.mount_point),
                               .path = here.own_path.empty() ? "/" : std::move(here.own_path)});
  return container_cgroup_mounts(own);
}

json::Value encode_cgroup_plan(const CgroupPlan& plan) {
  json::Array hierarchies;
  for (const CgroupHierarchy& here : plan.hierarchies) {
    json::Array controllers(here.controllers.begin(), here.controllers.end());
    hierarchies.push_back(json::Object{{"controllers", std::move(controllers)},
                                       {"v2", here.v2},
                                       {"mountPoint", here.mount_point},
                                       {"path", here.path},
                                       {"existed", here.existed}});
  }
  json::Object out{{"manager", cgroup_manager_name(plan.manager)},
                   {"id", plan.id},
                   {"owner", plan.owner},
                   {"rootless", plan.rootless},
                   {"hierarchies", std::move(hierarchies)}};
  if (plan.systemd) out.add("systemd", encode_unit(*plan.systemd));
  return out;
}

CgroupPlan decode_cgroup_plan(const json::Reader& reader) {
  CgroupPlan plan;
  plan.manager = parse_cgroup_manager(reader.get<std::string>("manager", "cgroupfs"));
  plan.id = reader.require<std::string>("id");
  plan.owner = reader.require<std::string>("owner");
  plan.rootless = reader.get("rootless", false);
  if (reader.has("systemd")) plan.systemd = decode_unit(reader.at("systemd"));
  reader.each("hierarchies", [&](const json::Reader& element) {
    plan.hierarchies.push_back({.controllers = element.require<std::vector<std::string>>("controllers"),
                                .v2 = element.get("v2", false),
                                .mount_point = element.require<std::string>("mountPoint"),
                                .path = element.require<std::string>("path"),
                                .existed = element.get("existed", false)});
  });
  return plan;
}

}  // namespace crunlite::runtime
