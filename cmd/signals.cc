// SPDX-License-Identifier: Apache-2.0
#include "cmd/signals.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace crunlite::cmd {
namespace {

// signal(7): the kernel's own numbers; glibc keeps the first real-time signals for itself.
constexpr int kFirstRealTime = 34;
constexpr int kLast = 64;

std::optional<int> real_time_signal(std::string_view name) {
  const auto offset = [&](std::string_view prefix) -> std::optional<int> {
    if (name == prefix) return 0;
    return name.starts_with(prefix) ? parse_number<int>(name.substr(prefix.size() + 1)) : std::nullopt;
  };
  if (const auto up = offset("rtmin"); up && (name == "rtmin" || name[5] == '+')) return kFirstRealTime + *up;
  if (const auto down = offset("rtmax"); down && (name == "rtmax" || name[5] == '-')) return kLast - *down;
  return std::nullopt;
}

std::optional<int> find_signal(std::string_view text) {
  if (const std::optional<int> number = parse_number<int>(text)) return number;
  const std::string lower = to_lower(text);
  const std::string_view name = std::string_view(lower).substr(lower.starts_with("sig") ? 3 : 0);
  for (int signal = 1; signal < 32; ++signal) {
    const char* abbreviation = ::sigabbrev_np(signal);
    if (abbreviation && to_lower(abbreviation) == name) return signal;
  }
  if (name == "iot") return SIGABRT;
  if (name == "cld") return SIGCHLD;
  if (name == "poll") return SIGPOLL;
  return real_time_signal(name);
}

}  // namespace

int parse_signal(std::string_view text) {
  const std::optional<int> signal = find_signal(text);
  if (!signal || *signal < 0 || *signal > kLast)
    throw Error(ErrorKind::kUsage, "unknown signal ", quote(text));
  return *signal;
}

}  // namespace crunlite::cmd
