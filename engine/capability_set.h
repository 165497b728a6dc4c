// SPDX-License-Identifier: Apache-2.0
// Which capabilities a container from an image gets: docker's default set, --cap-add and --cap-drop over it.
// Names only; masks and what the kernel grants are the runtime's.
#pragma once

#include <string>
#include <vector>

#include "engine/options.h"

namespace crunlite::engine {

// Sorted by number, with CAP_. `available` is what ALL stands for: what this process itself may hand out.
// Throws Error(kUsage) for unknown names, with the nearest one that there is.
std::vector<std::string> choose_capabilities(const SecurityOptions& options,
                                             const std::vector<std::string>& available);

// `name` itself when it is ALL or a capability's, with or without CAP_. Throws as above.
std::string known_capability(const std::string& name);

}  // namespace crunlite::engine
