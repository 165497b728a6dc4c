// SPDX-License-Identifier: Apache-2.0
// The default profile and the other defaults of `run` as data; what the kernel makes of the profile is in
// tests/kernel/seccomp_test.cc.
#include "engine/default_seccomp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "engine/defaults.h"

namespace crunlite::engine {
namespace {

using testing::Contains;
using testing::IsSubsetOf;
using testing::Not;

constexpr KernelVersion kNow{6, 1};

// The names that are let through whatever their arguments are.
std::set<std::string> allowed(const oci::Seccomp& profile) {
  std::set<std::string> names;
  for (const oci::SeccompRule& rule : profile.rules) {
    if (rule.action == oci::SeccompAction::kAllow && rule.args.empty())
      names.insert(rule.names.begin(), rule.names.end());
  }
  return names;
}

std::vector<oci::SeccompRule> rules_for(const oci::Seccomp& profile, const std::string& name) {
  std::vector<oci::SeccompRule> rules;
  for (const oci::SeccompRule& rule : profile.rules) {
    if (std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end()) rules.push_back(rule);
  }
  return rules;
}

TEST(DefaultSeccomp, DeniesWhatItDoesNotName) {
  const oci::Seccomp profile = default_seccomp(default_capabilities(), kNow);
  EXPECT_EQ(profile.default_action, oci::SeccompAction::kErrno);
  EXPECT_EQ(profile.default_errno_ret, EPERM);
  const std::set<std::string> names = allowed(profile);
  EXPECT_GT(names.size(), 300u);
  for (const char* name : {"read", "openat2", "futex_waitv", "chroot", "ptrace", "landlock_create_ruleset"})
    EXPECT_THAT(names, Contains(name));
  for (const char* name : {"mount", "unshare", "setns", "bpf", "keyctl", "add_key", "io_uring_setup",
                           "userfaultfd", "kexec_load", "init_module", "reboot", "socket", "socketcall",
                           "clone", "clone3", "personality", "open_by_handle_at"})
    EXPECT_THAT(names, Not(Contains(name)));
}

TEST(DefaultSeccomp, FollowsTheCapabilities) {
  const std::set<std::string> plain = allowed(default_seccomp({}, kNow));
  const std::set<std::string> admin = allowed(default_seccomp({"CAP_SYS_ADMIN"}, kNow));
  EXPECT_THAT(plain, Not(Contains("chroot")));
  EXPECT_THAT(admin, Contains("mount"));
  EXPECT_THAT(admin, Contains("clone3"));
  EXPECT_THAT(allowed(default_seccomp({"CAP_SYS_TIME"}, kNow)), Contains("clock_settime"));
}

TEST(DefaultSeccomp, AnswersClone3WithoutSysAdmin) {
  const auto rules = rules_for(default_seccomp({}, kNow), "clone3");
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].action, oci::SeccompAction::kErrno);
  EXPECT_EQ(rules[0].errno_ret, ENOSYS);
  EXPECT_EQ(rules_for(default_seccomp({"CAP_SYS_ADMIN"}, kNow), "clone3").front().action,
            oci::SeccompAction::kAllow);
}

TEST(DefaultSeccomp, PtraceNeedsAKernelThatChecksAgain) {
  EXPECT_THAT(allowed(default_seccomp({}, {4, 7})), Not(Contains("ptrace")));
  EXPECT_THAT(allowed(default_seccomp({}, {4, 8})), Contains("ptrace"));
  EXPECT_THAT(allowed(default_seccomp({"CAP_SYS_PTRACE"}, {4, 7})), Contains("ptrace"));
}

TEST(DefaultSeccomp, LetsEveryFamilyThroughButTwo) {
  const auto rules = rules_for(default_seccomp({}, kNow), "socket");
  const auto passes = [&](uint64_t family) {
    return std::any_of(rules.begin(), rules.end(), [&](const oci::SeccompRule& rule) {
      return (family & rule.args.at(0).value) == rule.args.at(0).value_two;
    });
  };
  for (uint64_t family = 0; family < 48; ++family) {
    EXPECT_EQ(passes(family), family != 38 && family != 40) << family;
    EXPECT_EQ(passes(family | 1ull << 32), passes(family)) << "the kernel cuts the upper half off";
  }
}

TEST(DefaultSeccomp, NamesAreSortedAndUnique) {
  for (const oci::SeccompRule& rule : default_seccomp({"CAP_SYS_ADMIN"}, kNow).rules) {
    std::vector<std::string> names = rule.names;
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
    EXPECT_THAT(names, Not(Contains("")));
  }
}

TEST(RunningKernel, HasANumber) {
  EXPECT_GE(running_kernel(), (KernelVersion{4, 0}));
}

TEST(Defaults, HideWhatEveryoneElseHides) {
  EXPECT_EQ(default_capabilities().size(), 14u);
  const std::vector<std::string> masked = default_masked_paths();
  for (const char* path : {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                           "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"})
    EXPECT_THAT(masked, Contains(path));
  EXPECT_THAT(default_readonly_paths(), Contains("/proc/sys"));
  EXPECT_EQ(default_mounts().front().destination, "/proc");
  ASSERT_EQ(default_device_rules().size(), 1u);
  EXPECT_FALSE(default_device_rules()[0].allow);
}

}  // namespace
}  // namespace crunlite::engine
