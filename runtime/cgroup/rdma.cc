// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/rdma.rst. The file is the same in both versions.
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

Settings rdma(const oci::Resources& resources, const CurrentValue&) {
  Settings out;
  for (const auto& [device, limit] : resources.rdma) {
    std::string value = device;
    if (limit.hca_handles) value += cat(" hca_handle=", *limit.hca_handles);
    if (limit.hca_objects) value += cat(" hca_object=", *limit.hca_objects);
    if (value == device) continue;
    out.push_back({.file = "rdma.max", .value = value, .absent = "hca_handle=max hca_object=max"});
  }
  return out;
}

}  // namespace crunlite::runtime
