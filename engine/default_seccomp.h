// SPDX-License-Identifier: Apache-2.0
// The seccomp profile of containers that are started from an image: what Docker's default profile lets
// through, worked out for the capabilities of this container, this architecture and this kernel. It says
// nothing to containers that bring their own config.json.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "oci/spec.h"

namespace crunlite::engine {

struct KernelVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
// Of uname(2).
KernelVersion running_kernel();

// `capabilities` is the bounding set ("CAP_SYS_ADMIN").
oci::Seccomp default_seccomp(const std::vector<std::string>& capabilities, KernelVersion kernel);

}  // namespace crunlite::engine
