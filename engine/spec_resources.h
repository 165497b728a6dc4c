// SPDX-License-Identifier: Apache-2.0
// The part of spec_from_image that is about amounts: memory, CPU, processes, open files, /dev/shm. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/options.h"
#include "oci/spec.h"

namespace crunlite::engine {

// linux.resources: the device rules of every container, then `device_rules`, and the limits. Throws
// Error(kUsage) in docker's words.
oci::Resources resources(const RunOptions& options, const std::vector<oci::DeviceRule>& device_rules,
                         bool swap_limits, std::vector<std::string>& warnings);

// process.rlimits. Limits above `hard_limits` are lowered to them with a warning.
std::vector<oci::Rlimit> resource_limits(const RunOptions& options,
                                         const std::map<std::string, uint64_t>& hard_limits,
                                         std::vector<std::string>& warnings);

// size= of /dev/shm: --shm-size, else half of the memory limit, at least docker's 64 MiB. More costs nothing:
// what is written there counts against the container's memory limit anyway.
void set_shm_size(const RunOptions& options, oci::Mount& shm);

}  // namespace crunlite::engine
