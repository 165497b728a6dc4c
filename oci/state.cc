// SPDX-License-Identifier: Apache-2.0
#include "oci/state.h"

#include "oci/names.h"

namespace crunlite::oci {

std::string_view name_of(Status status) {
  return name_of(kStatuses, status);
}

json::Object encode_state(const State& state) {
  json::Object out{{"ociVersion", state.oci_version},
                   {"id", state.id},
                   {"pid", state.pid},
                   {"status", name_of(state.status)},
                   {"bundle", state.bundle}};
  if (!state.rootfs.empty()) out.add("rootfs", state.rootfs);
  if (!state.created.empty()) out.add("created", state.created);
  if (!state.annotations.empty()) {
    json::Object annotations;
    for (const auto& [key, value] : state.annotations) annotations.add(key, value);
    out.add("annotations", std::move(annotations));
  }
  if (!state.systemd_scope.empty()) out.add("systemd-scope", state.systemd_scope);
  // runc prints the owner even when it is empty; it always is for root.
  if (!state.rootfs.empty()) out.add("owner", state.owner);
  return out;
}

}  // namespace crunlite::oci
