// SPDX-License-Identifier: Apache-2.0
// What the user asked for when starting a container from an image: the flags of `run` as values, and the
// defaults of config.yaml, which have the same shape. Filled by cmd/run and engine/config; the engine never
// sees a command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/values.h"
#include "oci/spec.h"

namespace crunlite::engine {

enum class NetworkMode { kBridge, kHost, kNone };

struct LimitOptions {
  std::optional<int64_t> memory;              // bytes
  std::optional<int64_t> memory_swap;         // memory + swap, -1: unlimited
  std::optional<int64_t> memory_reservation;  // bytes
  std::optional<int64_t> nano_cpus;
  std::optional<uint64_t> cpu_shares;
  std::optional<int64_t> pids;  // -1: unlimited
  std::string cpuset_cpus;
  std::string cpuset_mems;
};

struct SecurityOptions {
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::string seccomp = "builtin";  // or "unconfined", or the path of a profile
  std::string apparmor;
  bool no_new_privileges = false;
  bool system_paths_confined = true;
  bool privileged = false;
};

// An -e without a value copies the caller's variable, so the value is already there when it arrives here.
using EnvEntry = std::pair<std::string, std::string>;

struct RunOptions {
  std::string image;
  std::vector<std::string> command;
  std::optional<std::string> entrypoint;  // "" takes the image's entrypoint away

  std::string name;
  std::string hostname;
  std::string cidfile;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::pair<std::string, std::string>> annotations;

  bool interactive = false;
  bool tty = false;
  bool init = false;
  bool read_only = false;
  bool hints = true;

  std::vector<EnvEntry> env;
  std::string working_dir;
  std::string user;  // name|uid[:group|gid]
  std::vector<std::string> extra_groups;

  NetworkMode network = NetworkMode::kBridge;
  std::vector<std::string> publish;  // as written: net/ owns the grammar
  std::vector<std::string> dns;
  std::vector<std::string> add_hosts;  // HOST:IP

  std::vector<Volume> volumes;
  std::vector<oci::Mount> tmpfs;
  std::vector<std::string> devices;  // HOST[:CONTAINER[:rwm]]
  std::optional<int64_t> shm_size;

  LimitOptions limits;
  SecurityOptions security;
  std::vector<oci::Rlimit> ulimits;
  std::vector<std::pair<std::string, std::string>> sysctls;
  std::optional<int> oom_score_adj;
  std::string cgroup_parent;
};

}  // namespace crunlite::engine
