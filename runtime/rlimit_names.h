// SPDX-License-Identifier: Apache-2.0
// The names of resource limits (getrlimit(2)), as config.json writes them.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string_view>

namespace crunlite::runtime {

struct RlimitName {
  std::string_view name;
  int resource;
};

inline constexpr RlimitName kRlimitNames[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

inline std::optional<int> rlimit_number(std::string_view name) {
  for (const RlimitName& row : kRlimitNames)
    if (row.name == name) return row.resource;
  return std::nullopt;
}

}  // namespace crunlite::runtime
