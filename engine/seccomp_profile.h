// SPDX-License-Identifier: Apache-2.0
// A seccomp profile that the user brings (--security-opt seccomp=FILE): the runtime-spec's form, or docker's
// with its architecture map and its conditions on capabilities, architecture and kernel, which are decided
// here.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/default_seccomp.h"
#include "oci/spec.h"

namespace crunlite::engine {

// `name` is what the file is called in messages. Throws Error(kConfig) with every problem.
oci::Seccomp read_seccomp_profile(const json::Value& document, const std::string& name,
                                  const std::vector<std::string>& capabilities, KernelVersion kernel);

}  // namespace crunlite::engine
