// SPDX-License-Identifier: Apache-2.0
// What is wrong with a specification before anything is made: everything, not only the first thing. Values
// that are known but that we cannot honour are errors; unknown capabilities are warnings (they are what a
// newer kernel will know).
#pragma once

#include <string>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

struct Findings {
  std::vector<std::string> problems;  // "/linux/namespaces/3: …"
  std::vector<std::string> warnings;
};

Findings validate(const oci::Spec& spec);
// Mounts for a container that exists already.
Findings validate_mounts(const std::vector<oci::Mount>& mounts);
// The part that exec needs too.
Findings validate_process(const oci::Process& process);

// Throws Error(kConfig) with all problems, if there are any; gives the warnings.
std::vector<std::string> check_valid(const oci::Spec& spec);

}  // namespace crunlite::runtime
