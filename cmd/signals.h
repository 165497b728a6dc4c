// SPDX-License-Identifier: Apache-2.0
// Names of signals as people type them.
#pragma once

#include <string_view>

namespace crunlite::cmd {

// "9", "KILL", "SIGKILL", "kill", "RTMIN+3". Throws Error(kUsage).
int parse_signal(std::string_view text);

}  // namespace crunlite::cmd
