// SPDX-License-Identifier: Apache-2.0
// linux.seccomp of the runtime-spec (config-linux.md, Seccomp) as plain structs. Names of architectures and
// flags stay text: which of them exist is for libseccomp and the kernel to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace crunlite::oci {

enum class SeccompAction { kKill, kKillProcess, kKillThread, kTrap, kErrno, kTrace, kAllow, kLog, kNotify };
enum class SeccompOperator {
  kNotEqual,
  kLess,
  kLessOrEqual,
  kEqual,
  kGreaterOrEqual,
  kGreater,
  kMaskedEqual
};

struct SeccompArg {
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  SeccompOperator op = SeccompOperator::kEqual;
};

struct SeccompRule {
  std::vector<std::string> names;
  SeccompAction action = SeccompAction::kErrno;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  SeccompAction default_action = SeccompAction::kErrno;
  std::optional<uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // SCMP_ARCH_*
  std::vector<std::string> flags;          // SECCOMP_FILTER_FLAG_*
  bool flags_absent = false;               // no such member: the runtime chooses
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompRule> rules;
};

}  // namespace crunlite::oci
