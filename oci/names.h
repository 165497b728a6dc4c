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

// "unknown namespace "nett" (known: pid, network, …)"
template <class Enum, size_t N>
std::string unknown_name(std::string_view what, std::string_view name, const Name<Enum> (&table)[N]) {
  std::string text = cat("unknown ", what, " ", quote(name), " (known: ");
  for (size_t i = 0; i < N; ++i) text += cat(i ? ", " : "", table[i].name);
  return text + ")";
}

}  // namespace crunlite::oci
