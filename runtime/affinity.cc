// SPDX-License-Identifier: Apache-2.0
#include "runtime/affinity.h"

#include <sched.h>

#include <climits>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

// cpu_set_t has the same layout and ends at 1024 CPUs; the calls take any size (CPU_SET(3)).
size_t size_of(const BitMask& mask) {
  return mask.size() * sizeof(unsigned long);
}

BitMask own_affinity() {
  BitMask mask(kMostCpus / (sizeof(unsigned long) * CHAR_BIT));
  if (::sched_getaffinity(0, size_of(mask), reinterpret_cast<cpu_set_t*>(mask.data())) == -1)
    throw SysError(errno, "read our own CPU affinity");
  return mask;
}

sys::Status try_to_set(pid_t pid, const BitMask& mask) {
  const auto* set = reinterpret_cast<const cpu_set_t*>(mask.data());
  return ::sched_setaffinity(pid, size_of(mask), set) == -1 ? sys::fail() : sys::kOk;
}

}  // namespace

void set_affinity(pid_t pid, const BitMask& cpus) {
  if (!cpus.empty()) check(try_to_set(pid, cpus), "set CPU affinity (process.execCPUAffinity)");
}

void reset_affinity(pid_t pid) {
  // The kernel takes what there is of it (sched_setaffinity(2)).
  const BitMask all(kMostCpus / (sizeof(unsigned long) * CHAR_BIT), ~0UL);
  (void)try_to_set(pid, all);
}

AffinityForClone::AffinityForClone(const BitMask& cpus) {
  if (cpus.empty()) return;
  before_ = own_affinity();
  set_affinity(0, cpus);
}

AffinityForClone::~AffinityForClone() {
  if (!before_.empty()) (void)try_to_set(0, before_);
}

}  // namespace crunlite::runtime
