// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/net_cls.rst and net_prio.rst. cgroup v2 has BPF programs instead.
#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

Settings net_cls_v1(const oci::Resources& resources, const CurrentValue&) {
  if (!resources.network_class_id) return {};
  // 0 is "no class", which is what a machine without the controller has anyway.
  const uint32_t id = *resources.network_class_id;
  return {{"net_cls.classid", cat(id), /*optional=*/id == 0}};
}

Settings net_prio_v1(const oci::Resources& resources, const CurrentValue&) {
  Settings out;
  for (const oci::InterfacePriority& interface : resources.network_priorities)
    out.push_back(
        {.file = "net_prio.ifpriomap", .value = cat(interface.name, " ", interface.priority), .absent = "0"});
  return out;
}

Settings network_v2(const oci::Resources& resources, const CurrentValue&) {
  if (resources.network_class_id.value_or(0) == 0 && resources.network_priorities.empty()) return {};
  throw Error(
      ErrorKind::kUnsupported,
      "linux.resources.network: classID and priorities exist only in cgroup v1 (net_cls, net_prio), and ",
      "this machine has cgroup v2 alone")
      .with_remedy("leave the section out, and mark traffic with nftables (`socket cgroupv2`) instead");
}

}  // namespace crunlite::runtime
