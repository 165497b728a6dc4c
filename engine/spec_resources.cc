// SPDX-License-Identifier: Apache-2.0
#include "engine/spec_resources.h"

#include <algorithm>

#include "base/error.h"
#include "engine/defaults.h"

namespace crunlite::engine {
namespace {

constexpr int64_t kDefaultShm = 64ll << 20;
constexpr uint64_t kCpuPeriod = 100'000;  // microseconds: the kernel's default
constexpr uint64_t kSoftFiles = 1024;
constexpr uint64_t kMostFiles = 1u << 20;  // fs.nr_open's default

void set_memory(const LimitOptions& limits, bool swap_limits, oci::MemoryResources& memory,
                std::vector<std::string>& warnings) {
  if (limits.memory && *limits.memory > 0 && *limits.memory < kMinimumMemory) {
    throw Error(ErrorKind::kUsage, kTooLittleMemory);
  }
  const bool limited = limits.memory && *limits.memory > 0;
  if (limited) memory.limit = limits.memory;
  if (limits.memory_reservation) {
    if (limited && *limits.memory_reservation > *limits.memory) {
      throw Error(ErrorKind::kUsage,
                  "minimum memory limit can not be less than memory reservation limit, see usage");
    }
    memory.reservation = limits.memory_reservation;
  }
  const int64_t swap = limits.memory_swap.value_or(0);
  if (swap > 0 && !limited) {
    throw Error(ErrorKind::kUsage,
                "you should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (swap > 0 && swap < *limits.memory) {
    throw Error(ErrorKind::kUsage, "minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (!limited) return;
  if (!swap_limits) {
    warnings.emplace_back("this kernel does not limit swap: memory is limited without it");
  } else if (swap != 0) {
    memory.swap = swap;
  } else if (*limits.memory <= INT64_MAX / 2) {
    memory.swap = *limits.memory * 2;
  }
}

void set_cpu(const LimitOptions& limits, oci::CpuResources& cpu) {
  if (limits.nano_cpus && *limits.nano_cpus > 0) {
    cpu.period = kCpuPeriod;
    cpu.quota = *limits.nano_cpus / (1'000'000'000 / static_cast<int64_t>(kCpuPeriod));
  }
  cpu.shares = limits.cpu_shares;
  cpu.cpus = limits.cpuset_cpus;
  cpu.mems = limits.cpuset_mems;
}

uint64_t hard_limit(const std::map<std::string, uint64_t>& hard_limits, const std::string& type) {
  const auto found = hard_limits.find(type);
  return found == hard_limits.end() ? UINT64_MAX : found->second;
}

}  // namespace

oci::Resources resources(const RunOptions& options, const std::vector<oci::DeviceRule>& device_rules,
                         bool swap_limits, std::vector<std::string>& warnings) {
  oci::Resources out;
  if (options.security.privileged) {
    out.devices = {{.allow = true, .type = 'a', .access = "rwm"}};
  } else {
    out.devices = default_device_rules();
    out.devices.insert(out.devices.end(), device_rules.begin(), device_rules.end());
  }
  set_memory(options.limits, swap_limits, out.memory, warnings);
  set_cpu(options.limits, out.cpu);
  if (options.limits.pids && *options.limits.pids > 0) out.pids_limit = options.limits.pids;
  return out;
}

std::vector<oci::Rlimit> resource_limits(const RunOptions& options,
                                         const std::map<std::string, uint64_t>& hard_limits,
                                         std::vector<std::string>& warnings) {
  // A huge soft limit makes programs close or poll a billion descriptors one by one (moby#9876); the hard
  // limit stays, for those that ask for more.
  const uint64_t files = std::min(hard_limit(hard_limits, "RLIMIT_NOFILE"), kMostFiles);
  std::vector<oci::Rlimit> out = {{"RLIMIT_NOFILE", std::min(kSoftFiles, files), files}};
  for (oci::Rlimit limit : options.ulimits) {
    const uint64_t most = hard_limit(hard_limits, limit.type);
    if (limit.hard > most) {
      warnings.push_back(cat(limit.type, " is lowered from ", limit.hard, " to ", most,
                             ": raising it needs CAP_SYS_RESOURCE"));
      limit.hard = most;
      limit.soft = std::min(limit.soft, most);
    }
    std::erase_if(out, [&](const oci::Rlimit& known) { return known.type == limit.type; });
    out.push_back(limit);
  }
  return out;
}

void set_shm_size(const RunOptions& options, oci::Mount& shm) {
  const int64_t half = options.limits.memory.value_or(0) / 2;
  const int64_t size = options.shm_size.value_or(std::max(half, kDefaultShm));
  std::erase_if(shm.options, [](const std::string& option) { return option.starts_with("size="); });
  shm.options.push_back(cat("size=", size));
}

}  // namespace crunlite::engine
