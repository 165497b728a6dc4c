// SPDX-License-Identifier: Apache-2.0
// What a container uses, in the shape that `events` prints: runc's (types/events.go), which cAdvisor and
// others read. Pure: the files come in through a function, so that a test can show any kernel's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

// The members cpu, cpuset, memory, pids, blkio and hugetlb. `read` gives a file of the container's cgroup in
// whichever hierarchy has it; the version is told from the files themselves. Times are nanoseconds, v2's swap
// is counted together with memory as v1 does, "no limit" is the largest number of v2's 64 bits.
json::Object cgroup_stats(const CurrentValue& read, const std::vector<std::string>& page_sizes);

// proc(5), /proc/PID/net/dev: every interface but the loopback.
json::Array network_stats(std::string_view net_dev);

// "hugepages-2048kB" as the cgroup's files call it: "2MB". Empty for other names.
std::string page_size_name(std::string_view sysfs_name);

}  // namespace crunlite::runtime
