// SPDX-License-Identifier: Apache-2.0
// The flags of the OCI verbs that docker has, too, apart from what the verbs do with them: a test compares
// them with what the rule in cmd/dispatch.cc knows. Those of `create` and `run` are in
// cmd/oci_create_flags.h, those of `exec` in cmd/oci_exec_flags.h; `start` and `pause` have none.
#pragma once

#include <string>

#include "cmd/grammar.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

struct KillFlags {
  std::string id;
  std::string signal = "TERM";
  bool all = false;
};
void describe(Grammar& grammar, KillFlags& flags);

// What follows them, the id first, is for ps(1).
struct PsFlags {
  std::string format = "table";
  bool help = false;
};
void describe(Grammar& grammar, PsFlags& flags);

struct EventsFlags {
  std::string id;
  runtime::EventsOptions options;
  std::string interval = "5s";
};
void describe(Grammar& grammar, EventsFlags& flags);

// The limits as they are typed; empty: not given.
struct UpdateFlags {
  std::string id;
  std::string document;
  std::string memory, memory_swap, memory_reservation, kernel_memory, kernel_memory_tcp;
  std::string cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_rt_period, cpu_rt_runtime, cpu_idle;
  std::string cpuset_cpus, cpuset_mems;
  std::string blkio_weight, pids_limit;
  std::string l3_cache_schema, mem_bw_schema;
};
void describe(Grammar& grammar, UpdateFlags& flags);

}  // namespace crunlite::cmd
