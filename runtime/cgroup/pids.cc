// SPDX-License-Identifier: Apache-2.0
// pids.max is the same file in both versions. 0 is a real limit here: not one further process.
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

Settings pids(const oci::Resources& resources, const CurrentValue&) {
  if (!resources.pids_limit) return {};
  const int64_t limit = *resources.pids_limit;
  return {{"pids.max", limit < 0 ? "max" : cat(limit)}};
}

}  // namespace crunlite::runtime
