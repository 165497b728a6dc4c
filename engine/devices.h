// SPDX-License-Identifier: Apache-2.0
// Device nodes of the host that a container is given: --device, and all of them with --privileged. Looks at
// the host's /dev; making the nodes inside the container is the runtime's work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::engine {

struct ChosenDevices {
  std::vector<oci::Device> devices;
  std::vector<oci::DeviceRule> rules;  // what the device cgroup has to let through for them
};

// "/dev/fuse", "/dev/sda:/dev/xvda", "/dev/fuse:r", "/dev/sda:/dev/xvda:rw"; a directory stands for the nodes
// in it. Throws Error(kUsage) in docker's words.
ChosenDevices choose_devices(const std::vector<std::string>& flags);

// Every character and block device below /dev that a privileged container is expected to see. What each
// container has of its own (pts, shm, mqueue, console) is left out.
ChosenDevices all_host_devices();

}  // namespace crunlite::engine
