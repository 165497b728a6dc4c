// SPDX-License-Identifier: Apache-2.0
// The part of a plan that says what the process is and may do, which create and exec have in common. Internal
// to runtime/plan.h.
#pragma once

#include <string>
#include <vector>

#include "runtime/plan.h"

namespace crunlite::runtime {

// With `spare` free places at the end.
StringArray as_array(std::vector<std::string> strings, size_t spare = 0);

void plan_process(const oci::Process& process, Planned& planned);
// For what the caller's supplementary groups open and no id map can name (podman's --group-add keep-groups).
void keep_groups_if_asked(const oci::Annotations& annotations, InitPlan& plan);
void plan_environment(const oci::Process& process, unsigned listen_fds, InitPlan& plan);
// What the container's `linux` section says about each of its processes.
void plan_execution(const std::optional<oci::Personality>& personality,
                    const std::optional<oci::MemoryPolicy>& memory_policy, InitPlan& plan);

}  // namespace crunlite::runtime
