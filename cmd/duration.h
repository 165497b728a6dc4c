// SPDX-License-Identifier: Apache-2.0
// Lengths of time as Go's flag package reads them: "5s", "1m30s", "0.5s", "200ms".
#pragma once

#include <chrono>
#include <string>

namespace crunlite::cmd {

// Throws Error(kUsage) that names the flag: for another form, for 0 and less, for more than 1000 hours.
std::chrono::milliseconds parse_duration(const std::string& flag, const std::string& text);

}  // namespace crunlite::cmd
