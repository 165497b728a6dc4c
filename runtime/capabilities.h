// SPDX-License-Identifier: Apache-2.0
// The one table of Linux capabilities (capabilities(7)), and from lists of names to the kernel's bit masks.
// Applying the masks is the child's work (runtime/init).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

// Bit n stands for capability number n.
using CapabilityMask = uint64_t;

// "CAP_NET_ADMIN"; the prefix may be missing and case does not matter ("net_admin"), as docker takes it.
std::optional<int> capability_number(std::string_view name);
// "CAP_NET_ADMIN"; "" for a number that has no name here.
std::string_view capability_name(int number);
// All 41 names, by number.
std::vector<std::string> capability_names();
// The highest number that the running kernel knows.
int last_capability();

struct CapabilityMasks {
  CapabilityMask bounding = 0;
  CapabilityMask effective = 0;
  CapabilityMask inheritable = 0;
  CapabilityMask permitted = 0;
  CapabilityMask ambient = 0;
  // Names that this build or the running kernel does not know: the container starts without them, and the
  // caller logs them (runtime-spec: a warning, not an error).
  std::vector<std::string> unknown;
};
CapabilityMasks capability_masks(const oci::Capabilities& capabilities);

}  // namespace crunlite::runtime
