// SPDX-License-Identifier: Apache-2.0
#include "engine/default_seccomp.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "engine/default_seccomp_calls.h"

namespace crunlite::engine {
namespace {

constexpr uint64_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

// personality(2): the present one, and Linux and Linux32 with and without the old uname (2.6.x). No
// ADDR_NO_RANDOMIZE, no READ_IMPLIES_EXEC.
constexpr uint64_t kPersonalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

// Address families for socket(2): all but AF_ALG (38, the kernel's crypto, CVE-2026-31431) and AF_VSOCK (40,
// which no network namespace divides). The kernel looks at the low 32 bits only, so comparing all 64 for
// "less" or "greater" lets 0x100000026 through as if it were not 38: each block is a masked comparison of the
// low half.
struct FamilyBlock {
  uint32_t mask;
  uint32_t value;
};
constexpr FamilyBlock kFamilies[] = {
    {0xffffffe0, 0},                                       // 0 … 31
    {0xfffffffc, 32},                                      // 32 … 35
    {0xfffffffe, 36},                                      // 36, 37
    {0xffffffff, 39}, {0xffffffff, 41}, {0xfffffffe, 42},  // 42, 43
    {0xfffffffc, 44},                                      // 44 … 47
};

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view name : split(list, ' ')) names.emplace_back(name);
  return names;
}

oci::SeccompRule allow(std::string_view names) {
  return {.names = names_of(names), .action = oci::SeccompAction::kAllow};
}

oci::SeccompRule allow_if(const char* name, const oci::SeccompArg& arg) {
  return {.names = {name}, .action = oci::SeccompAction::kAllow, .args = {arg}};
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

KernelVersion running_kernel() {
  struct utsname name {};
  ::uname(&name);
  const std::vector<std::string_view> parts = split(name.release, '.');
  if (parts.size() < 2) return {};
  // "6.18.44-fc", "5.10-rc1"
  const std::string_view minor = parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
  return {parse_number<int>(parts[0]).value_or(0), parse_number<int>(minor).value_or(0)};
}

oci::Seccomp default_seccomp(const std::vector<std::string>& capabilities, KernelVersion kernel) {
  oci::Seccomp profile{.default_action = oci::SeccompAction::kErrno,
                       .default_errno_ret = EPERM,
                       .architectures = names_of(kArchitectures)};
  std::vector<oci::SeccompRule>& rules = profile.rules;
  rules.push_back(allow(kAlwaysAllowed));
  rules.push_back(allow(kOfThisMachine));
  if (kernel >= KernelVersion{4, 8}) rules.push_back(allow(kSinceKernel4_8));
  for (const FamilyBlock& block : kFamilies) {
    rules.push_back(allow_if("socket", {.index = 0,
                                        .value = block.mask,
                                        .value_two = block.value,
                                        .op = oci::SeccompOperator::kMaskedEqual}));
  }
  for (const uint64_t personality : kPersonalities)
    rules.push_back(allow_if("personality", {.index = 0, .value = personality}));
  for (const ConditionalCalls& calls : kByCapability) {
    if (contains(capabilities, calls.capability)) rules.push_back(allow(calls.names));
  }
  if (!contains(capabilities, "CAP_SYS_ADMIN")) {
    rules.push_back(allow_if(
        "clone",
        {.index = 0, .value = kNewNamespaces, .value_two = 0, .op = oci::SeccompOperator::kMaskedEqual}));
    // Its flags are behind a pointer; the C library falls back to clone.
    rules.push_back({.names = {"clone3"}, .action = oci::SeccompAction::kErrno, .errno_ret = ENOSYS});
  }
  return profile;
}

}  // namespace crunlite::engine
