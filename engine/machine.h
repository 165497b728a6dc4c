// SPDX-License-Identifier: Apache-2.0
// What spec_from_image has to know about this machine and this process.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace crunlite::engine {

// The capabilities that this process may hand out (its permitted set), as "CAP_CHOWN" and so on.
std::vector<std::string> available_capabilities();

// RLIMIT_* -> what a limit cannot be raised above. Empty for a process with CAP_SYS_RESOURCE.
std::map<std::string, uint64_t> hard_limits(const std::vector<std::string>& capabilities);

// Whether the memory controller can limit swap: swapaccount= on cgroup v1.
bool has_swap_limits();

std::string host_name();

}  // namespace crunlite::engine
