// SPDX-License-Identifier: Apache-2.0
#include "cmd/duration.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace crunlite::cmd {
namespace {

struct Unit {
  std::string_view name;
  double milliseconds;
};
// Longer names first: "ms" begins with "m".
constexpr Unit kUnits[] = {{"ms", 1},        {"us", 1e-3},  {"ns", 1e-6},
                           {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}};
constexpr double kLongest = 1000 * 3'600'000.0;

std::optional<double> milliseconds_in(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    double number = 0;
    const auto end =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (end.ec != std::errc() || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end.ptr - text.data()));
    const Unit* unit = nullptr;
    for (const Unit& known : kUnits) {
      if (!unit && text.starts_with(known.name)) unit = &known;
    }
    if (!unit) return std::nullopt;
    text.remove_prefix(unit->name.size());
    sum += number * unit->milliseconds;
  }
  return sum;
}

}  // namespace

std::chrono::milliseconds parse_duration(const std::string& flag, const std::string& text) {
  const std::optional<double> value = milliseconds_in(text);
  if (!value || !(*value <= kLongest))
    throw Error(ErrorKind::kUsage, "invalid value for ", flag, ": ", quote(text))
        .with_remedy("a time is a number with a unit: 5s, 500ms, 1m30s");
  const auto whole = std::chrono::milliseconds(static_cast<int64_t>(std::ceil(*value)));
  if (whole.count() <= 0)
    throw Error(ErrorKind::kUsage, flag, ": the duration must be greater than 0, is ", quote(text));
  return whole;
}

}  // namespace crunlite::cmd
