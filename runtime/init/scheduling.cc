// SPDX-License-Identifier: Apache-2.0
// How the kernel treats the container's process beside others: its turn on the CPU and at the disk, and where
// its memory comes from. Before the capabilities are dropped (CAP_SYS_NICE).
#include <sys/syscall.h>

#include <climits>

#include "runtime/init/scheduling.h"
#include "runtime/init/steps.h"

namespace crunlite::runtime {

sys::Status apply_scheduler(pid_t pid, const SchedulerPlan& scheduler) {
  return ::syscall(SYS_sched_setattr, pid, &scheduler.attributes, 0) == -1 ? sys::fail() : sys::kOk;
}

}  // namespace crunlite::runtime

namespace crunlite::runtime::steps {
namespace {

// IOPRIO_WHO_PROCESS of ioprio_set(2). Its header names a parameter `class`, which C++ cannot read.
constexpr int kIoPriorityOfProcess = 1;

}  // namespace

Status set_scheduler(Init& init) {
  if (!init.plan.scheduler || scheduled_by_parent(init.plan)) return sys::kOk;
  init.note.set(init.plan.scheduler->name);
  return apply_scheduler(0, *init.plan.scheduler);
}

Status set_io_priority(Init& init) {
  if (!init.plan.io_priority) return sys::kOk;
  init.note.set(init.plan.io_priority->name);
  const int value = init.plan.io_priority->value;
  return ::syscall(SYS_ioprio_set, kIoPriorityOfProcess, 0, value) == -1 ? sys::fail() : sys::kOk;
}

Status set_memory_policy(Init& init) {
  if (!init.plan.memory_policy) return sys::kOk;
  const MemoryPolicyPlan& policy = *init.plan.memory_policy;
  init.note.set(policy.name);
  // The kernel reads one bit less than it is told (get_nodes() in mm/mempolicy.c).
  const unsigned long bits = policy.nodes.empty() ? 0 : policy.nodes.size() * sizeof(long) * CHAR_BIT + 1;
  const unsigned long* nodes = policy.nodes.empty() ? nullptr : policy.nodes.data();
  return ::syscall(SYS_set_mempolicy, policy.mode, nodes, bits) == -1 ? sys::fail() : sys::kOk;
}

}  // namespace crunlite::runtime::steps
