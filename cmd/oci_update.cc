// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "engine/values.h"
#include "oci/codec.h"
#include "runtime/rdt.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kDocumentLimit = 4u << 20;

// The limits as they are typed; empty: not given.
struct Texts {
  std::string memory, memory_swap, memory_reservation, kernel_memory, kernel_memory_tcp;
  std::string cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_rt_period, cpu_rt_runtime, cpu_idle;
  std::string cpuset_cpus, cpuset_mems;
  std::string blkio_weight, pids_limit;
  std::string l3_cache_schema, mem_bw_schema;
};

struct Flag {
  const char* name;
  std::string Texts::*text;
  const char* type;
  const char* help;
};
constexpr Flag kFlags[] = {
    {"--blkio-weight", &Texts::blkio_weight, "N", "share of block device time, 10 to 1000"},
    {"--cpu-period", &Texts::cpu_period, "USEC", "CPU time: the period of the quota"},
    {"--cpu-quota", &Texts::cpu_quota, "USEC", "CPU time per period, -1: no limit"},
    {"--cpu-burst", &Texts::cpu_burst, "USEC", "CPU time that may be saved up for later periods"},
    {"--cpu-share", &Texts::cpu_share, "N", "share of CPU time against other containers (default: 1024)"},
    {"--cpu-rt-period", &Texts::cpu_rt_period, "USEC", "realtime: the period (cgroup v1)"},
    {"--cpu-rt-runtime", &Texts::cpu_rt_runtime, "USEC", "realtime per period (cgroup v1)"},
    {"--cpu-idle", &Texts::cpu_idle, "0|1", "run only when nothing else wants to"},
    {"--cpuset-cpus", &Texts::cpuset_cpus, "LIST", "CPUs to use: 0-3,5"},
    {"--cpuset-mems", &Texts::cpuset_mems, "LIST", "memory nodes to use"},
    {"--memory", &Texts::memory, "BYTES", "memory limit (512m), -1: none"},
    {"--memory-reservation", &Texts::memory_reservation, "BYTES", "memory that is reclaimed last"},
    {"--memory-swap", &Texts::memory_swap, "BYTES", "limit of memory and swap together, -1: none"},
    {"--l3-cache-schema", &Texts::l3_cache_schema, "TEXT", "share of the L3 cache (Intel RDT)"},
    {"--mem-bw-schema", &Texts::mem_bw_schema, "TEXT", "share of the memory's bandwidth (Intel RDT)"},
    {"--pids-limit", &Texts::pids_limit, "N", "how many processes and threads, -1: no limit"},
};
// runc takes them and ignores them, and so do its callers' scripts.
constexpr Flag kHiddenFlags[] = {
    {"--kernel-memory", &Texts::kernel_memory, "BYTES", ""},
    {"--kernel-memory-tcp", &Texts::kernel_memory_tcp, "BYTES", ""},
};

[[noreturn]] void bad_value(const char* flag, const std::string& text) {
  throw Error(ErrorKind::kUsage, "crun-lite update: invalid value for ", flag, ": ", quote(text));
}

std::optional<int64_t> bytes(const char* flag, const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "-1") return -1;
  try {
    return engine::parse_size(text);
  } catch (const Error&) {
    bad_value(flag, text);
  }
}

template <class Number>
std::optional<Number> number(const char* flag, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::optional<Number> value = parse_number<Number>(text);
  if (!value) bad_value(flag, text);
  return value;
}

oci::Resources resources_of(const Texts& t) {
  return {
      .memory = {.limit = bytes("--memory", t.memory),
                 .reservation = bytes("--memory-reservation", t.memory_reservation),
                 .swap = bytes("--memory-swap", t.memory_swap),
                 .kernel = bytes("--kernel-memory", t.kernel_memory),
                 .kernel_tcp = bytes("--kernel-memory-tcp", t.kernel_memory_tcp)},
      .cpu = {.shares = number<uint64_t>("--cpu-share", t.cpu_share),
              .quota = number<int64_t>("--cpu-quota", t.cpu_quota),
              .period = number<uint64_t>("--cpu-period", t.cpu_period),
              .burst = number<uint64_t>("--cpu-burst", t.cpu_burst),
              .realtime_runtime = number<int64_t>("--cpu-rt-runtime", t.cpu_rt_runtime),
              .realtime_period = number<uint64_t>("--cpu-rt-period", t.cpu_rt_period),
              .idle = number<int64_t>("--cpu-idle", t.cpu_idle),
              .cpus = t.cpuset_cpus,
              .mems = t.cpuset_mems},
      .pids_limit = number<int64_t>("--pids-limit", t.pids_limit),
      .block_io = {.weight = number<uint16_t>("--blkio-weight", t.blkio_weight)},
  };
}

// A document of the shape of linux.resources. "-" is standard input.
oci::Resources read_resources(const std::string& file) {
  const bool standard_input = file == "-";
  const std::string name = standard_input ? "standard input" : file;
  const std::string text = standard_input ? read_fd(STDIN_FILENO, name, kDocumentLimit)
                                          : read_file(AT_FDCWD, file, kDocumentLimit);
  const json::Value document = json::parse(text, name);
  std::vector<std::string> problems;
  oci::Resources resources = oci::decode_resources(json::Reader(document, problems));
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", join(problems, "; "));
  return resources;
}

}  // namespace

int oci_update(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite update", "Change the limits of a container");
  runtime::Ref container{.root = globals.root};
  Texts texts;
  std::string document;
  grammar.required("container-id", container.id, "which container");
  grammar.option("-r,--resources", document, "FILE",
                 "the limits as JSON, like linux.resources in config.json; - is standard input. Flags of "
                 "cgroup limits are then ignored");
  for (const Flag& flag : kFlags) grammar.option(flag.name, texts.*flag.text, flag.type, flag.help);
  for (const Flag& flag : kHiddenFlags) grammar.hidden_option(flag.name, texts.*flag.text);
  if (!grammar.read(args)) return 0;
  runtime::update(container, {.resources = document.empty() ? resources_of(texts) : read_resources(document),
                              .rdt_schemata = runtime::rdt_schemata({.l3_cache_schema = texts.l3_cache_schema,
                                                                     .mem_bw_schema = texts.mem_bw_schema})});
  return 0;
}

}  // namespace crunlite::cmd
