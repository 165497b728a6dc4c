// SPDX-License-Identifier: Apache-2.0
// The processes in a cgroup directory: stopping them, waiting for changes. No policy: which directory, and
// what for, is cgroup.cc's.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {

using Deadline = std::chrono::steady_clock::time_point;

// Each returns when it is so. Throws Error(kSystem) when the kernel does not manage in time, after thawing.
void freeze_v1(int dir, Deadline deadline);
void freeze_v2(int dir, Deadline deadline);
// Of the cgroups inside too, deepest state included: a container may have frozen its own. Best effort.
void thaw_tree_v1(int dir);
void thaw_tree_v2(int dir);

// The value of `key` in a flat-keyed file: "populated 1\nfrozen 0\n".
std::string flat_value(const std::string& text, std::string_view key);

// Returns when the members of a directory that cannot be removed yet may have changed, at the latest at
// `deadline`. `round` counts the calls for one directory.
void wait_for_exit_v1(int dir, int round, Deadline deadline);
void wait_for_exit_v2(int dir, int round, Deadline deadline);

// Sends `signal` to those of `pids` that `members` still lists after they are held by a pidfd, so that a
// reused number is never hit. Gives the first errno other than "has ended".
sys::Status signal_members(const std::vector<pid_t>& pids, int signal,
                           const std::function<std::vector<pid_t>()>& members);

}  // namespace crunlite::runtime
