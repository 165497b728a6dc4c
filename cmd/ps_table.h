// SPDX-License-Identifier: Apache-2.0
// Of a table that ps(1) has printed, the head and the lines of some processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace crunlite::cmd {

// By the column with the head PID; throws Error(kUsage) when the table has none. `pids` are sorted.
std::string lines_of_processes(std::string_view table, const std::vector<pid_t>& pids);

}  // namespace crunlite::cmd
