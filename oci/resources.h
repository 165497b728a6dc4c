// SPDX-License-Identifier: Apache-2.0
// linux.resources of the runtime-spec (config-linux.md, Control groups) as plain structs: the limits of a
// container, in config.json and in the documents that `update --resources` reads. No conversions: what
// becomes of a value in cgroup v1 and v2 is for runtime/cgroup to say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crunlite::oci {

struct DeviceRule {
  bool allow = false;
  char type = 'a';               // a, b, c
  std::optional<int64_t> major;  // absent: any
  std::optional<int64_t> minor;
  std::string access;  // of r, w, m
};

struct MemoryResources {
  std::optional<int64_t> limit;        // bytes, -1: unlimited
  std::optional<int64_t> reservation;  // bytes
  std::optional<int64_t> swap;         // memory + swap, bytes
  std::optional<int64_t> kernel;       // bytes; kept, and without effect: see docs/limits.md
  std::optional<int64_t> kernel_tcp;   // bytes
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  std::optional<bool> use_hierarchy;
  std::optional<bool> check_before_update;
};

struct CpuResources {
  std::optional<uint64_t> shares;
  std::optional<int64_t> quota;    // microseconds per period, -1: none
  std::optional<uint64_t> period;  // microseconds
  std::optional<uint64_t> burst;
  std::optional<int64_t> realtime_runtime;
  std::optional<uint64_t> realtime_period;
  std::optional<int64_t> idle;
  std::string cpus;
  std::string mems;
};

struct WeightDevice {
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint16_t> weight;
  std::optional<uint16_t> leaf_weight;
};

struct ThrottleDevice {
  int64_t major = 0;
  int64_t minor = 0;
  uint64_t rate = 0;  // bytes or operations per second, 0: none
};

struct BlockIo {
  std::optional<uint16_t> weight;  // 10 … 1000
  std::optional<uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> read_bps;
  std::vector<ThrottleDevice> write_bps;
  std::vector<ThrottleDevice> read_iops;
  std::vector<ThrottleDevice> write_iops;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit = 0;     // bytes
};

struct InterfacePriority {
  std::string name;
  uint32_t priority = 0;
};

struct RdmaLimit {
  std::optional<uint32_t> hca_handles;
  std::optional<uint32_t> hca_objects;
};

struct Resources {
  std::vector<DeviceRule> devices;
  MemoryResources memory;
  CpuResources cpu;
  std::optional<int64_t> pids_limit;  // -1: unlimited
  BlockIo block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<uint32_t> network_class_id;
  std::vector<InterfacePriority> network_priorities;
  std::map<std::string, RdmaLimit> rdma;  // by device: "mlx5_1"
  std::map<std::string, std::string> unified;
};

}  // namespace crunlite::oci
