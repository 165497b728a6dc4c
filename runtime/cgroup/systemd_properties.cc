// SPDX-License-Identifier: Apache-2.0
// systemd.resource-control(5), org.freedesktop.systemd1(5).
#include "runtime/cgroup/systemd_properties.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "oci/annotations.h"
#include "runtime/cgroup/gvariant.h"

namespace crunlite::runtime {
namespace {

constexpr uint64_t kInfinity = UINT64_MAX;
constexpr uint64_t kSecond = 1'000'000;        // microseconds
constexpr uint64_t kPercentOfSecond = 10'000;  // systemd counts CPU time in whole percents
constexpr uint64_t kMostCpus = 8192;

// What a file holds.
enum class Kind {
  kLimit,     // a number, "max" or -1; 0 is possible
  kPositive,  // the same, but systemd takes no 0
  kList,      // "0-3,7"
};
struct FileProperty {
  std::string_view file;
  std::string_view property;
  Kind kind;
};
constexpr FileProperty kV2[] = {
    {"cpu.weight", "CPUWeight", Kind::kPositive},       {"cpuset.cpus", "AllowedCPUs", Kind::kList},
    {"cpuset.mems", "AllowedMemoryNodes", Kind::kList}, {"memory.high", "MemoryHigh", Kind::kPositive},
    {"memory.low", "MemoryLow", Kind::kLimit},          {"memory.max", "MemoryMax", Kind::kPositive},
    {"memory.min", "MemoryMin", Kind::kLimit},          {"memory.swap.max", "MemorySwapMax", Kind::kLimit},
    {"pids.max", "TasksMax", Kind::kPositive},
};
constexpr FileProperty kV1[] = {
    {"blkio.weight", "BlockIOWeight", Kind::kPositive},
    {"cpu.shares", "CPUShares", Kind::kPositive},
    {"memory.limit_in_bytes", "MemoryLimit", Kind::kPositive},
    {"pids.max", "TasksMax", Kind::kPositive},
};

std::optional<uint64_t> number_of(std::string_view text) {
  if (text == "max" || text.starts_with('-')) return kInfinity;
  return parse_number<uint64_t>(text);
}

// The set bits of a list of CPUs or memory nodes, lowest byte first.
std::optional<json::Array> mask_of(std::string_view list) {
  std::vector<unsigned> bytes;
  for (const std::string_view range : split(list, ',')) {
    const std::vector<std::string_view> ends = split(trim(range), '-');
    const auto first = parse_number<uint64_t>(ends.front());
    const auto last = parse_number<uint64_t>(ends.back());
    if (ends.size() > 2 || !first || !last || *first > *last || *last >= kMostCpus) return std::nullopt;
    if (bytes.size() <= *last / 8) bytes.resize(*last / 8 + 1);
    for (uint64_t bit = *first; bit <= *last; ++bit) bytes[bit / 8] |= 1U << (bit % 8);
  }
  return json::Array(bytes.begin(), bytes.end());
}

std::optional<UnitProperty> as_property(const FileProperty& row, const std::string& value) {
  const std::string name(row.property);
  if (row.kind == Kind::kList) {
    std::optional<json::Array> mask = mask_of(value);
    return mask ? std::optional(UnitProperty{name, "ay", std::move(*mask)}) : std::nullopt;
  }
  const std::optional<uint64_t> number = number_of(value);
  if (!number || (row.kind == Kind::kPositive && *number == 0)) return std::nullopt;
  return UnitProperty{name, "t", *number};
}

// systemd rounds down to a percent, and a cgroup inside could then not be given what the document allows.
uint64_t quota_per_second(uint64_t quota, uint64_t period) {
  if (quota == kInfinity) return kInfinity;
  const uint64_t exact = (quota * kSecond + period - 1) / period;
  return (exact + kPercentOfSecond - 1) / kPercentOfSecond * kPercentOfSecond;
}

void add_quota(std::optional<uint64_t> quota, std::optional<uint64_t> period,
               std::vector<UnitProperty>& properties) {
  constexpr uint64_t kDefaultPeriod = 100'000;
  if (period && *period > 0) properties.push_back({"CPUQuotaPeriodUSec", "t", *period});
  if (!quota || *quota == 0 || (*quota != kInfinity && *quota > UINT64_MAX / kSecond)) return;
  const uint64_t length = period && *period > 0 ? *period : kDefaultPeriod;
  properties.push_back({"CPUQuotaPerSecUSec", "t", quota_per_second(*quota, length)});
}

std::optional<std::string> value_of(const Settings& settings, std::string_view file) {
  const auto found = std::ranges::find(settings.rbegin(), settings.rend(), file, &Setting::file);
  return found == settings.rend() ? std::nullopt : std::optional(found->value);
}

void add_cpu_time(const Settings& settings, LimitsOf version, std::vector<UnitProperty>& properties) {
  std::optional<uint64_t> quota;
  std::optional<uint64_t> period;
  if (version == LimitsOf::kV2) {
    const std::string value = value_of(settings, "cpu.max").value_or("");
    const std::vector<std::string_view> parts = split(trim(value), ' ');
    quota = number_of(parts[0]);
    if (parts.size() == 2) period = parse_number<uint64_t>(parts[1]);
  } else {
    if (const auto value = value_of(settings, "cpu.cfs_quota_us")) quota = number_of(*value);
    if (const auto value = value_of(settings, "cpu.cfs_period_us")) period = parse_number<uint64_t>(*value);
  }
  add_quota(quota, period, properties);
}

// --- devices

struct Allowed {
  std::string node;
  std::string access;
  bool operator==(const Allowed&) const = default;
};

// "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n"
std::optional<std::string> group_of(std::string_view devices, char type, int64_t major) {
  const size_t block = devices.find("Block devices:");
  const std::string_view section = type == 'b' ? devices.substr(std::min(block, devices.size()))
                                               : devices.substr(0, std::min(block, devices.size()));
  for (const std::string_view line : split(section, '\n')) {
    const std::string_view row = trim(line);
    const size_t blank = row.find(' ');
    if (blank == std::string_view::npos || parse_number<int64_t>(row.substr(0, blank)) != major) continue;
    return std::string(trim(row.substr(blank)));
  }
  return std::nullopt;
}

std::optional<std::string> node_of(const oci::DeviceRule& rule, std::string_view devices) {
  const std::string_view kind = rule.type == 'b' ? "block" : "char";
  const bool any_minor = !rule.minor || *rule.minor < 0;
  if (!rule.major || *rule.major < 0) return any_minor ? std::optional(cat(kind, "-*")) : std::nullopt;
  if (!any_minor) return cat("/dev/", kind, "/", *rule.major, ":", *rule.minor);
  const std::optional<std::string> group = group_of(devices, rule.type, *rule.major);
  return group ? std::optional(cat(kind, "-", *group)) : std::nullopt;
}

bool is_everything(const oci::DeviceRule& rule) {
  const bool numbers = (rule.major && *rule.major >= 0) || (rule.minor && *rule.minor >= 0);
  return rule.type == 'a' && !numbers;
}

}  // namespace

std::vector<UnitProperty> limit_properties(const Settings& settings, LimitsOf version) {
  std::vector<UnitProperty> properties;
  const auto add = [&](const auto& table) {
    for (const FileProperty& row : table) {
      const std::optional<std::string> value = value_of(settings, row.file);
      if (!value) continue;
      if (std::optional<UnitProperty> property = as_property(row, *value))
        properties.push_back(std::move(*property));
    }
  };
  version == LimitsOf::kV2 ? add(kV2) : add(kV1);
  add_cpu_time(settings, version, properties);
  return properties;
}

std::vector<UnitProperty> device_properties(const std::vector<oci::DeviceRule>& rules,
                                            std::string_view devices) {
  bool everything = false;
  std::vector<Allowed> list;
  for (const oci::DeviceRule& rule : rules) {
    if (is_everything(rule)) {
      everything = rule.allow;
      list.clear();
      continue;
    }
    if (everything) continue;
    std::optional<std::string> node = node_of(rule, devices);
    if (!node) continue;
    const Allowed entry{std::move(*node), rule.access.empty() ? "rwm" : rule.access};
    std::erase(list, entry);  // the later rule counts
    if (rule.allow) list.push_back(entry);
  }
  json::Array allowed;
  for (const Allowed& entry : list) allowed.push_back(json::Array{entry.node, entry.access});
  return {{"DevicePolicy", "s", everything ? "auto" : "strict"},
          {"DeviceAllow", "a(ss)", std::move(allowed)}};
}

std::vector<UnitProperty> annotated_properties(const std::map<std::string, std::string>& annotations) {
  constexpr std::string_view kPrefix = oci::kSystemdProperties;
  std::vector<UnitProperty> properties;
  for (const auto& annotation : annotations) {
    const std::string& key = annotation.first;
    const std::string& text = annotation.second;
    if (!key.starts_with(kPrefix)) continue;
    std::string name = key.substr(kPrefix.size());
    const bool letters = std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
    if (name.size() < 3 || !letters || name[0] < 'A' || name[0] > 'Z')
      throw Error(ErrorKind::kConfig, "annotation ", quote(key), ": ", quote(name),
                  " is not the name of a systemd property");
    GVariant value = with_context(cat("annotation ", quote(key)), [&] { return parse_gvariant(text); });
    // Unit files know TimeoutStopSec, D-Bus knows TimeoutStopUSec in microseconds.
    if (name.ends_with("Sec") && !name.ends_with("USec")) {
      const int64_t* whole = value.value.if_int();
      const double* part = value.value.if_double();
      const double seconds = whole ? static_cast<double>(*whole) : part ? *part : -1;
      if (seconds < 0 || seconds > 1e12)
        throw Error(ErrorKind::kConfig, "annotation ", quote(key), ": a number of seconds is needed, not ",
                    quote(text));
      name.insert(name.size() - 3, "U");
      value = {"t", static_cast<uint64_t>(seconds * static_cast<double>(kSecond))};
    }
    properties.push_back({std::move(name), std::move(value.signature), std::move(value.value)});
  }
  return properties;
}

}  // namespace crunlite::runtime
