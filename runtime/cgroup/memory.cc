// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst, "Memory Interface Files".
#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {
namespace {

// Go programs write 0 for a limit that nobody set.
std::optional<int64_t> given(const std::optional<int64_t>& limit) {
  return limit && *limit != 0 ? limit : std::nullopt;
}

std::string limit_v2(int64_t bytes) {
  return bytes < 0 ? "max" : cat(bytes);
}

[[noreturn]] void only_v1(std::string_view what) {
  throw Error(ErrorKind::kUnsupported, "linux.resources.memory.", what,
              " exists only in cgroup v1, and the memory", " controller of this machine is cgroup v2");
}

std::optional<int64_t> number_in(const CurrentValue& current, const char* file) {
  return parse_number<int64_t>(trim(current(file).value_or("")));
}

// An update of the memory limit alone leaves the sum of memory and swap as it was asked for before: v1's
// files work like that, and v2's swap file holds the difference.
std::optional<std::string> swap_for_same_sum(int64_t limit, const CurrentValue& current) {
  const std::optional<int64_t> old_limit = number_in(current, "memory.max");
  const std::optional<int64_t> old_swap = number_in(current, "memory.swap.max");
  if (!old_limit || !old_swap) return std::nullopt;
  const int64_t sum = *old_limit + *old_swap;
  if (limit > sum)
    throw Error(ErrorKind::kConfig, "the memory limit (", limit, ") is above the limit of memory and swap ",
                "together that the container has (", sum, ")")
        .with_remedy("raise that one too: --memory-swap, or linux.resources.memory.swap");
  return cat(sum - limit);
}

// v2 counts swap on its own, the document swap and memory together.
std::optional<std::string> swap_v2(const oci::MemoryResources& memory, const CurrentValue& current) {
  const std::optional<int64_t> swap = given(memory.swap);
  std::optional<int64_t> limit = given(memory.limit);
  if (!swap) {
    if (!limit) return std::nullopt;
    // v1 without a memory limit has no limit on the sum either.
    return *limit < 0 ? "max" : swap_for_same_sum(*limit, current);
  }
  if (*swap < 0) return "max";
  if (!limit) limit = number_in(current, "memory.max");
  if (!limit || *limit < 0)
    throw Error(ErrorKind::kConfig, "linux.resources.memory.swap is given without a memory limit")
        .with_remedy("it is the sum of memory and swap: give the memory limit (--memory) as well");
  if (*swap < *limit)
    throw Error(ErrorKind::kConfig, "linux.resources.memory.swap (", *swap,
                ", memory and swap together) is below the memory limit (", *limit, ")");
  return cat(*swap - *limit);
}

void refuse_below_usage(const oci::MemoryResources& memory, const CurrentValue& current) {
  const std::optional<int64_t> limit = given(memory.limit);
  if (!memory.check_before_update.value_or(false) || !limit || *limit < 0) return;
  const std::optional<int64_t> usage = number_in(current, "memory.current");
  if (usage && *usage > *limit)
    throw Error(ErrorKind::kConfig, "the memory limit (", *limit, ") is below what the container uses now (",
                *usage, ") and checkBeforeUpdate is set");
}

}  // namespace

// v1 needs no such check as v2: there the kernel itself refuses a limit that it cannot reclaim down to.
Settings memory_v1(const oci::Resources& resources, const CurrentValue&) {
  const oci::MemoryResources& memory = resources.memory;
  Settings out;
  // Since Linux 5.11 there is no other way, and the file takes nothing but 1.
  if (memory.use_hierarchy.value_or(false)) out.push_back({"memory.use_hierarchy", "1", /*optional=*/true});
  // The limit must not be above the sum with swap: whichever order the present values need, the driver finds
  // it by writing what was refused a second time.
  if (const auto limit = given(memory.limit)) out.push_back({"memory.limit_in_bytes", cat(*limit)});
  if (const auto swap = given(memory.swap)) {
    out.push_back({"memory.memsw.limit_in_bytes", cat(*swap)});
  } else if (memory.limit && *memory.limit < 0) {
    out.push_back({"memory.memsw.limit_in_bytes", "-1", /*optional=*/true});
  }
  if (const auto low = given(memory.reservation)) out.push_back({"memory.soft_limit_in_bytes", cat(*low)});
  // memory.kernel has no file any more: Linux 5.16 took the limit away (config-linux.md: NOT RECOMMENDED).
  if (const auto tcp = given(memory.kernel_tcp))
    out.push_back({"memory.kmem.tcp.limit_in_bytes", cat(*tcp), /*optional=*/true});
  if (memory.swappiness) out.push_back({"memory.swappiness", cat(*memory.swappiness)});
  if (memory.disable_oom_killer)
    out.push_back({"memory.oom_control", *memory.disable_oom_killer ? "1" : "0"});
  return out;
}

Settings memory_v2(const oci::Resources& resources, const CurrentValue& current) {
  const oci::MemoryResources& memory = resources.memory;
  Settings out;
  if (memory.swappiness) only_v1("swappiness");
  if (memory.disable_oom_killer.value_or(false)) only_v1("disableOOMKiller");
  refuse_below_usage(memory, current);
  if (const std::optional<std::string> swap = swap_v2(memory, current))
    // Without swap accounting there is no swap to limit or to allow.
    out.push_back({"memory.swap.max", *swap, /*optional=*/*swap == "max" || *swap == "0"});
  if (const auto limit = given(memory.limit)) out.push_back({"memory.max", limit_v2(*limit)});
  if (const auto low = given(memory.reservation)) out.push_back({"memory.low", limit_v2(*low)});
  return out;
}

}  // namespace crunlite::runtime
