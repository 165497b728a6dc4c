// SPDX-License-Identifier: Apache-2.0
// Which process a number in a record meant: pids are reused, so a pid counts only together with the start
// time of the process and the boot in which it ran (crun issue 1200, SECURITY R25). Not an owner: see Child.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/proc.h"
#include "base/unique_fd.h"

namespace crunlite::runtime {

struct ProcessId {
  pid_t pid = 0;
  uint64_t start_time = 0;  // clock ticks since boot: field 22 of /proc/PID/stat, proc(5)
  std::string boot_id;      // /proc/sys/kernel/random/boot_id
};

// Of a process that exists (a child that nobody has reaped). Throws SysError.
ProcessId identify(const Proc& proc, pid_t pid);

// A pidfd of exactly that process, if it still runs. A zombie does not: nothing of it can run any more.
std::optional<UniqueFd> open_if_alive(const Proc& proc, const ProcessId& id);

}  // namespace crunlite::runtime
