// SPDX-License-Identifier: Apache-2.0
// The reaper of --init (engine/reaper/main.cc) as bytes inside this program: nothing has to be looked up on
// the host, and each container gets a copy of its own, so that no container holds a file that another runs.
#pragma once

#include <string_view>

namespace crunlite::engine {

// An ELF executable.
std::string_view reaper_program();

}  // namespace crunlite::engine
