// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_flags.h"

namespace crunlite::cmd {
namespace {

struct Limit {
  const char* name;
  std::string UpdateFlags::*text;
  const char* type;
  const char* help;
};
constexpr Limit kLimits[] = {
    {"--blkio-weight", &UpdateFlags::blkio_weight, "N", "share of block device time, 10 to 1000"},
    {"--cpu-period", &UpdateFlags::cpu_period, "USEC", "CPU time: the period of the quota"},
    {"--cpu-quota", &UpdateFlags::cpu_quota, "USEC", "CPU time per period, -1: no limit"},
    {"--cpu-burst", &UpdateFlags::cpu_burst, "USEC", "CPU time that may be saved up for later periods"},
    {"--cpu-share", &UpdateFlags::cpu_share, "N",
     "share of CPU time against other containers (default: 1024)"},
    {"--cpu-rt-period", &UpdateFlags::cpu_rt_period, "USEC", "realtime: the period (cgroup v1)"},
    {"--cpu-rt-runtime", &UpdateFlags::cpu_rt_runtime, "USEC", "realtime per period (cgroup v1)"},
    {"--cpu-idle", &UpdateFlags::cpu_idle, "0|1", "run only when nothing else wants to"},
    {"--cpuset-cpus", &UpdateFlags::cpuset_cpus, "LIST", "CPUs to use: 0-3,5"},
    {"--cpuset-mems", &UpdateFlags::cpuset_mems, "LIST", "memory nodes to use"},
    {"--memory", &UpdateFlags::memory, "BYTES", "memory limit (512m), -1: none"},
    {"--memory-reservation", &UpdateFlags::memory_reservation, "BYTES", "memory that is reclaimed last"},
    {"--memory-swap", &UpdateFlags::memory_swap, "BYTES", "limit of memory and swap together, -1: none"},
    {"--l3-cache-schema", &UpdateFlags::l3_cache_schema, "TEXT", "share of the L3 cache (Intel RDT)"},
    {"--mem-bw-schema", &UpdateFlags::mem_bw_schema, "TEXT", "share of the memory's bandwidth (Intel RDT)"},
    {"--pids-limit", &UpdateFlags::pids_limit, "N", "how many processes and threads, -1: no limit"},
};
// runc takes them and ignores them, and so do its callers' scripts.
constexpr Limit kHiddenLimits[] = {
    {"--kernel-memory", &UpdateFlags::kernel_memory, "BYTES", ""},
    {"--kernel-memory-tcp", &UpdateFlags::kernel_memory_tcp, "BYTES", ""},
};

}  // namespace

void describe(Grammar& grammar, KillFlags& flags) {
  grammar.required("container-id", flags.id, "which container");
  grammar.optional("signal", flags.signal, "name or number (default: TERM)");
  grammar.flag("-a,--all", flags.all, "to all its processes");
}

void describe(Grammar& grammar, PsFlags& flags) {
  grammar.choice("-f,--format", flags.format, {"table", "json"}, "table or json");
  grammar.help_flag(flags.help);
}

void describe(Grammar& grammar, EventsFlags& flags) {
  grammar.required("container-id", flags.id, "which container");
  grammar.option("--interval", flags.interval, "DURATION", "time between two lines (default: 5s)");
  grammar.flag("--stats", flags.options.once, "one line at once, and no more");
}

void describe(Grammar& grammar, UpdateFlags& flags) {
  grammar.required("container-id", flags.id, "which container");
  grammar.option("-r,--resources", flags.document, "FILE",
                 "the limits as JSON, like linux.resources in config.json; - is standard input. Flags of "
                 "cgroup limits are then ignored");
  for (const Limit& limit : kLimits) grammar.option(limit.name, flags.*limit.text, limit.type, limit.help);
  for (const Limit& limit : kHiddenLimits) grammar.hidden_option(limit.name, flags.*limit.text);
}

}  // namespace crunlite::cmd
