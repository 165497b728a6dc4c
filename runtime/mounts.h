// SPDX-License-Identifier: Apache-2.0
// Mounts of a container that runs already: `mounts add` and `mounts remove`. The sources are opened on the
// host, the destinations inside the container's root by a process of ours that enters its mount namespace.
// Nothing is recorded: the mounts end with the namespace.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"
#include "runtime/runtime.h"

namespace crunlite::runtime {

// A JSON array of the specification's mounts, or an object with such an array as "mounts". Throws
// Error(kConfig) with every problem; `name` is what the document is called there.
std::vector<oci::Mount> parse_mounts(std::string_view text, const std::string& name);

// All or none: what was mounted before one that fails is taken off again. Throws Error.
void add_mounts(const Ref& container, const std::vector<oci::Mount>& mounts);
// The topmost mount at each destination, the last one first. Stops at the first that is not a mount.
void remove_mounts(const Ref& container, const std::vector<oci::Mount>& mounts);

}  // namespace crunlite::runtime
