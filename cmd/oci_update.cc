// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "cmd/oci_flags.h"
#include "cmd/verbs.h"
#include "engine/values.h"
#include "oci/codec.h"
#include "runtime/rdt.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kDocumentLimit = 4u << 20;

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

oci::Resources resources_of(const UpdateFlags& t) {
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
  UpdateFlags flags;
  describe(grammar, flags);
  if (!grammar.read(args)) return 0;
  runtime::update({.root = globals.root, .id = flags.id},
                  {.resources = flags.document.empty() ? resources_of(flags) : read_resources(flags.document),
                   .rdt_schemata = runtime::rdt_schemata(
                       {.l3_cache_schema = flags.l3_cache_schema, .mem_bw_schema = flags.mem_bw_schema})});
  return 0;
}

}  // namespace crunlite::cmd
