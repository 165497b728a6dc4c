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

struct Resources {
  std::vector<DeviceRule> devices;
  MemoryResources memory;
  CpuResources cpu;
  std::optional<int64_t> pids_limit;  // -1: unlimited
  std::map<std::string, std::string> unified;
  // Controllers that this build does not set yet, by their name in the document ("blockIO", "rdma"); the
  // runtime refuses them rather than starting a container with less than was asked for.
  std::vector<std::string> unsupported;
};

}  // namespace crunlite::oci
