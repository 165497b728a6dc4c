// SPDX-License-Identifier: Apache-2.0
// Names for containers that were given none: an adjective and a scientist, as people know them from docker.
#pragma once

#include <string>

namespace crunlite::engine {

// "calm_noether". Random; uniqueness is the caller's business.
std::string random_name();

}  // namespace crunlite::engine
