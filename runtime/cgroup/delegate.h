// SPDX-License-Identifier: Apache-2.0
// Who owns a container's cgroup: a container with user and cgroup namespaces of its own and a writable cgroup
// mount may make cgroups inside its own (config-linux.md, Cgroup ownership). Only with cgroup v2: delegation
// is not safe in v1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

// The host's id of the user that process.user is in the container, when all conditions hold. Nothing when the
// user namespace is joined: its maps are not in the document.
std::optional<uid_t> cgroup_owner(const oci::Spec& spec);

// The names in /sys/kernel/cgroup/delegate; what the specification lists when `content` is empty.
std::vector<std::string> delegated_files(std::string_view content);

}  // namespace crunlite::runtime
