// SPDX-License-Identifier: Apache-2.0
// Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v1/cpusets.rst, and cgroup-v2.rst, "CPU Interface
// Files".
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {
namespace {

constexpr uint64_t kDefaultPeriod = 100'000;  // microseconds

// Go programs write 0 for what nobody set.
template <class Number>
std::optional<Number> given(const std::optional<Number>& value) {
  return value && *value != 0 ? value : std::nullopt;
}

// cpu.max holds "QUOTA PERIOD"; what is not given keeps its present value.
std::optional<std::string> max_v2(const oci::CpuResources& cpu, const CurrentValue& current) {
  const auto quota = given(cpu.quota);
  const auto period = given(cpu.period);
  if (!quota && !period) return std::nullopt;
  const std::string now = current("cpu.max").value_or("");
  const std::vector<std::string_view> parts = split(trim(now), ' ');
  const std::string present_quota = parts.size() == 2 ? std::string(parts[0]) : "max";
  const std::string present_period = parts.size() == 2 ? std::string(parts[1]) : cat(kDefaultPeriod);
  const std::string new_quota = !quota ? present_quota : *quota < 0 ? "max" : cat(*quota);
  return cat(new_quota, " ", period ? cat(*period) : present_period);
}

}  // namespace

uint64_t cpu_weight_from_shares(uint64_t shares) {
  if (shares == 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262'144) return 10'000;
  const double l = std::log2(static_cast<double>(shares));
  const double exponent = (l * l + 125 * l) / 612.0 - 7.0 / 34.0;
  return static_cast<uint64_t>(std::ceil(std::pow(10, exponent)));
}

Settings cpu_v1(const oci::Resources& resources, const CurrentValue&) {
  const oci::CpuResources& cpu = resources.cpu;
  Settings out;
  if (const auto period = given(cpu.realtime_period)) out.push_back({"cpu.rt_period_us", cat(*period)});
  if (const auto runtime = given(cpu.realtime_runtime)) out.push_back({"cpu.rt_runtime_us", cat(*runtime)});
  if (const auto shares = given(cpu.shares)) out.push_back({"cpu.shares", cat(*shares)});
  // Each is checked against the others' present values; what is refused is written again after the rest.
  if (const auto period = given(cpu.period)) out.push_back({"cpu.cfs_period_us", cat(*period)});
  if (const auto quota = given(cpu.quota)) out.push_back({"cpu.cfs_quota_us", cat(*quota)});
  if (cpu.burst) out.push_back({"cpu.cfs_burst_us", cat(*cpu.burst)});
  if (cpu.idle) out.push_back({"cpu.idle", cat(*cpu.idle)});
  return out;
}

Settings cpu_v2(const oci::Resources& resources, const CurrentValue& current) {
  const oci::CpuResources& cpu = resources.cpu;
  if (given(cpu.realtime_runtime) || given(cpu.realtime_period))
    throw Error(
        ErrorKind::kUnsupported,
        "linux.resources.cpu: realtimeRuntime and realtimePeriod exist only in cgroup v1, and the cpu ",
        "controller of this machine is cgroup v2");
  Settings out;
  if (const auto shares = given(cpu.shares))
    out.push_back({"cpu.weight", cat(cpu_weight_from_shares(*shares))});
  if (const std::optional<std::string> max = max_v2(cpu, current)) out.push_back({"cpu.max", *max});
  if (cpu.burst) out.push_back({"cpu.max.burst", cat(*cpu.burst)});
  if (cpu.idle) out.push_back({"cpu.idle", cat(*cpu.idle)});
  return out;
}

Settings cpuset(const oci::Resources& resources, const CurrentValue&) {
  Settings out;
  if (!resources.cpu.cpus.empty()) out.push_back({"cpuset.cpus", resources.cpu.cpus});
  if (!resources.cpu.mems.empty()) out.push_back({"cpuset.mems", resources.cpu.mems});
  return out;
}

}  // namespace crunlite::runtime
