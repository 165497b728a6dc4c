// SPDX-License-Identifier: Apache-2.0
// Names of signals as people type them: by name with or without SIG, by number, and the real-time ones
// relative to RTMIN and RTMAX. Sending them is runtime::kill.
#pragma once

#include <string_view>

namespace crunlite::cmd {

// "9", "KILL", "SIGKILL", "kill", "RTMIN+3"; "0" only asks whether there is somebody (kill(2)). Throws
// Error(kUsage).
int parse_signal(std::string_view text);

}  // namespace crunlite::cmd
