// SPDX-License-Identifier: Apache-2.0
// What a container started from an image gets when nobody says otherwise: capabilities, mounts, hidden paths,
// sysctls. Plain tables; spec_from_image puts them together with the image and the flags.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::engine {

// Docker's; less does not even hold an init.
constexpr int64_t kMinimumMemory = 6ll << 20;
constexpr std::string_view kTooLittleMemory = "minimum memory limit allowed is 6MB";
// Docker's fourteen, with "CAP_".
std::vector<std::string> default_capabilities();
// The union of what moby, podman and runc hide: each leaks or changes something of the host (CVE-2018-10892,
// CVE-2017-16539, GHSA-jq35-85cj-fj4p, GHSA-6fw5-f8r9-fgfm). Paths that do not exist are skipped.
std::vector<std::string> default_masked_paths();
std::vector<std::string> default_readonly_paths();
// /proc, /dev, /dev/pts, /sys, /sys/fs/cgroup, /dev/mqueue, /dev/shm, in mounting order.
std::vector<oci::Mount> default_mounts();
// Deny all, then what every container may use; the runtime adds the standard devices itself.
std::vector<oci::DeviceRule> default_device_rules();
// Of a network namespace of the container's own.
std::map<std::string, std::string> default_network_sysctls();

}  // namespace crunlite::engine
