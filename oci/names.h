// SPDX-License-Identifier: Apache-2.0
// The names of every enumeration of the runtime-spec, one table each: decoding, encoding, `features` and the
// error texts read the same rows. Pure data; what a value does is decided elsewhere.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/text.h"
#include "oci/spec.h"
#include "oci/state.h"

namespace crunlite::oci {

template <class Enum>
struct Name {
  std::string_view name;
  Enum value;
};

// config-linux.md, Namespaces
inline constexpr Name<NamespaceType> kNamespaceTypes[] = {
    {"pid", NamespaceType::kPid},       {"network", NamespaceType::kNetwork},
    {"mount", NamespaceType::kMount},   {"ipc", NamespaceType::kIpc},
    {"uts", NamespaceType::kUts},       {"user", NamespaceType::kUser},
    {"cgroup", NamespaceType::kCgroup}, {"time", NamespaceType::kTime},
};

// config-linux.md, Devices. `u` is mknod(1)'s unbuffered character device: the same thing on Linux.
inline constexpr Name<DeviceType> kDeviceTypes[] = {
    {"c", DeviceType::kCharacter},
    {"b", DeviceType::kBlock},
    {"p", DeviceType::kFifo},
    {"u", DeviceType::kCharacter},
};

// config-linux.md, Device cgroup: the type of a rule; absent means all.
inline constexpr Name<char> kDeviceRuleTypes[] = {{"a", 'a'}, {"c", 'c'}, {"b", 'b'}};

// config-linux.md, Seccomp
inline constexpr Name<SeccompAction> kSeccompActions[] = {
    {"SCMP_ACT_KILL", SeccompAction::kKill},
    {"SCMP_ACT_KILL_PROCESS", SeccompAction::kKillProcess},
    {"SCMP_ACT_KILL_THREAD", SeccompAction::kKillThread},
    {"SCMP_ACT_TRAP", SeccompAction::kTrap},
    {"SCMP_ACT_ERRNO", SeccompAction::kErrno},
    {"SCMP_ACT_TRACE", SeccompAction::kTrace},
    {"SCMP_ACT_ALLOW", SeccompAction::kAllow},
    {"SCMP_ACT_LOG", SeccompAction::kLog},
    {"SCMP_ACT_NOTIFY", SeccompAction::kNotify},
};

inline constexpr Name<SeccompOperator> kSeccompOperators[] = {
    {"SCMP_CMP_NE", SeccompOperator::kNotEqual},           {"SCMP_CMP_LT", SeccompOperator::kLess},
    {"SCMP_CMP_LE", SeccompOperator::kLessOrEqual},        {"SCMP_CMP_EQ", SeccompOperator::kEqual},
    {"SCMP_CMP_GE", SeccompOperator::kGreaterOrEqual},     {"SCMP_CMP_GT", SeccompOperator::kGreater},
    {"SCMP_CMP_MASKED_EQ", SeccompOperator::kMaskedEqual},
};

// config-linux.md, Personality
inline constexpr Name<Personality> kPersonalities[] = {
    {"LINUX", Personality::kLinux},
    {"LINUX32", Personality::kLinux32},
};

// config.md, Linux Process: scheduler
inline constexpr Name<SchedulerPolicy> kSchedulerPolicies[] = {
    {"SCHED_OTHER", SchedulerPolicy::kOther},       {"SCHED_FIFO", SchedulerPolicy::kFifo},
    {"SCHED_RR", SchedulerPolicy::kRoundRobin},     {"SCHED_BATCH", SchedulerPolicy::kBatch},
    {"SCHED_ISO", SchedulerPolicy::kIso},           {"SCHED_IDLE", SchedulerPolicy::kIdle},
    {"SCHED_DEADLINE", SchedulerPolicy::kDeadline},
};
inline constexpr Name<SchedulerFlag> kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", SchedulerFlag::kResetOnFork},
    {"SCHED_FLAG_RECLAIM", SchedulerFlag::kReclaim},
    {"SCHED_FLAG_DL_OVERRUN", SchedulerFlag::kDeadlineOverrun},
    {"SCHED_FLAG_KEEP_POLICY", SchedulerFlag::kKeepPolicy},
    {"SCHED_FLAG_KEEP_PARAMS", SchedulerFlag::kKeepParameters},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SchedulerFlag::kUtilClampMin},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SchedulerFlag::kUtilClampMax},
};

// config.md, Linux Process: ioPriority
inline constexpr Name<IoPriorityClass> kIoPriorityClasses[] = {
    {"IOPRIO_CLASS_RT", IoPriorityClass::kRealTime},
    {"IOPRIO_CLASS_BE", IoPriorityClass::kBestEffort},
    {"IOPRIO_CLASS_IDLE", IoPriorityClass::kIdle},
};

// config-linux.md, Memory policy
inline constexpr Name<MemoryPolicyMode> kMemoryPolicyModes[] = {
    {"MPOL_DEFAULT", MemoryPolicyMode::kDefault},
    {"MPOL_BIND", MemoryPolicyMode::kBind},
    {"MPOL_INTERLEAVE", MemoryPolicyMode::kInterleave},
    {"MPOL_WEIGHTED_INTERLEAVE", MemoryPolicyMode::kWeightedInterleave},
    {"MPOL_PREFERRED", MemoryPolicyMode::kPreferred},
    {"MPOL_PREFERRED_MANY", MemoryPolicyMode::kPreferredMany},
    {"MPOL_LOCAL", MemoryPolicyMode::kLocal},
};
inline constexpr Name<MemoryPolicyFlag> kMemoryPolicyFlags[] = {
    {"MPOL_F_NUMA_BALANCING", MemoryPolicyFlag::kNumaBalancing},
    {"MPOL_F_RELATIVE_NODES", MemoryPolicyFlag::kRelativeNodes},
    {"MPOL_F_STATIC_NODES", MemoryPolicyFlag::kStaticNodes},
};

// config-linux.md, Rootfs Mount Propagation
inline constexpr std::string_view kRootfsPropagations[] = {"shared", "slave", "private", "unbindable"};

// runtime.md, State; `paused` is what runc and crun add.
inline constexpr Name<Status> kStatuses[] = {
    {"creating", Status::kCreating}, {"created", Status::kCreated}, {"running", Status::kRunning},
    {"paused", Status::kPaused},     {"stopped", Status::kStopped},
};

// config.md, POSIX-platform Hooks, in the order in which they run.
struct HookPhase {
  std::string_view name;
  std::vector<Hook> Hooks::*hooks;
};
inline constexpr HookPhase kHookPhases[] = {
    {"prestart", &Hooks::prestart},
    {"createRuntime", &Hooks::create_runtime},
    {"createContainer", &Hooks::create_container},
    {"startContainer", &Hooks::start_container},
    {"poststart", &Hooks::poststart},
    {"poststop", &Hooks::poststop},
};

// nullptr when nothing has that name.
template <class Enum, size_t N>
constexpr const Name<Enum>* find_name(const Name<Enum> (&table)[N], std::string_view name) {
  for (const Name<Enum>& row : table)
    if (row.name == name) return &row;
  return nullptr;
}

// The first name of the value: tables put the preferred one first.
template <class Enum, size_t N>
constexpr std::string_view name_of(const Name<Enum> (&table)[N], Enum value) {
  for (const Name<Enum>& row : table)
    if (row.value == value) return row.name;
  return {};
}

// "unknown namespace "nett" (known: pid, network, …)"; of some things runc says "invalid", and so do we.
template <class Enum, size_t N>
std::string unknown_name(std::string_view what, std::string_view name, const Name<Enum> (&table)[N]) {
  const std::string_view verdict = what.starts_with("invalid ") ? "" : "unknown ";
  std::string text = cat(verdict, what, " ", quote(name), " (known: ");
  for (size_t i = 0; i < N; ++i) text += cat(i ? ", " : "", table[i].name);
  return text + ")";
}

}  // namespace crunlite::oci
