// SPDX-License-Identifier: Apache-2.0
// Which process `exec` starts, and the plan for it: what the container's process, a document and the command
// line make together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "base/error.h"
#include "runtime/exec_process.h"
#include "runtime/number_list.h"
#include "runtime/plan.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

oci::Process container() {
  oci::Process process;
  process.terminal = true;
  process.args = {"server"};
  process.env = {"PATH=/bin"};
  process.cwd = "/srv";
  process.user = {.uid = 1000, .gid = 100, .umask = 027, .additional_gids = {5}};
  process.capabilities.emplace().bounding = {"CAP_KILL"};
  process.rlimits = {{"RLIMIT_NOFILE", 10, 20}};
  process.apparmor_profile = "profile";
  process.selinux_label = "label";
  process.oom_score_adj = 7;
  process.no_new_privileges = true;
  process.io_priority = oci::IoPriority{};
  return process;
}

ExecChanges command(std::vector<std::string> args) {
  ExecChanges changes;
  changes.args = std::move(args);
  return changes;
}

TEST(ExecProcess, IsTheContainersWithAnotherCommandAndNoTerminal) {
  const oci::Process process = exec_process(container(), std::nullopt, command({"sh"}));
  EXPECT_THAT(process.args, ElementsAre("sh"));
  EXPECT_FALSE(process.terminal);
  EXPECT_EQ(process.cwd, "/srv");
  EXPECT_EQ(process.user.uid, 1000u);
  EXPECT_EQ(process.apparmor_profile, "profile");
  EXPECT_TRUE(process.no_new_privileges);
}

TEST(ExecProcess, NeverRunsTheContainersOwnCommand) {
  EXPECT_THROW(exec_process(container(), std::nullopt, {}), Error);
}

TEST(ExecProcess, ACapabilityIsAmbientWhereItIsInheritable) {
  oci::Process given = container();
  given.capabilities->inheritable = {"CAP_KILL"};
  ExecChanges changes = command({"sh"});
  changes.capabilities = {"CAP_SYS_TIME", "CAP_KILL"};
  const oci::Process process = exec_process(given, std::nullopt, changes);
  EXPECT_THAT(process.capabilities->inheritable, ElementsAre("CAP_KILL"));
  EXPECT_THAT(process.capabilities->ambient, ElementsAre("CAP_KILL"));
}

TEST(ExecProcess, TheCommandLineChangesIt) {
  ExecChanges changes = command({"sh"});
  changes.cwd = "/tmp";
  changes.env = {"A=1"};
  changes.user = parse_exec_user("0:0");
  changes.additional_gids = {6};
  changes.capabilities = {"CAP_SYS_TIME", "CAP_KILL"};
  changes.apparmor = "other";
  changes.process_label = "other label";
  changes.no_new_privileges = false;
  changes.terminal = true;
  const oci::Process process = exec_process(container(), std::nullopt, changes);
  EXPECT_EQ(process.cwd, "/tmp");
  EXPECT_THAT(process.env, ElementsAre("PATH=/bin", "A=1"));
  EXPECT_EQ(process.user.uid, 0u);
  EXPECT_EQ(process.user.gid, 0u);
  EXPECT_THAT(process.user.additional_gids, ElementsAre(5, 6));
  EXPECT_THAT(process.capabilities->bounding, ElementsAre("CAP_KILL", "CAP_SYS_TIME"));
  EXPECT_THAT(process.capabilities->effective, ElementsAre("CAP_SYS_TIME", "CAP_KILL"));
  EXPECT_THAT(process.capabilities->inheritable, IsEmpty());
  EXPECT_THAT(process.capabilities->ambient, IsEmpty());
  EXPECT_EQ(process.apparmor_profile, "other");
  EXPECT_EQ(process.selinux_label, "other label");
  EXPECT_FALSE(process.no_new_privileges);
  EXPECT_TRUE(process.terminal);
}

TEST(ExecProcess, WhatADocumentLeavesOutIsTheContainers) {
  oci::Process document;
  document.args = {"sh"};
  document.cwd = "/";
  const oci::Process process = exec_process(container(), document, {});
  EXPECT_EQ(process.user.uid, 0u);
  EXPECT_EQ(process.user.umask, 027u);
  EXPECT_THAT(process.env, IsEmpty());
  EXPECT_THAT(process.capabilities->bounding, ElementsAre("CAP_KILL"));
  EXPECT_EQ(process.rlimits.size(), 1u);
  EXPECT_EQ(process.apparmor_profile, "profile");
  EXPECT_EQ(process.selinux_label, "label");
  EXPECT_EQ(process.oom_score_adj, 7);
  EXPECT_TRUE(process.io_priority.has_value());
  EXPECT_FALSE(process.terminal);
}

TEST(ExecProcess, ADocumentsOwnAreKept) {
  oci::Process document = container();
  document.capabilities.emplace();
  document.rlimits = {{"RLIMIT_CORE", 0, 0}};
  document.oom_score_adj = 0;
  const oci::Process process = exec_process(container(), document, {});
  EXPECT_THAT(process.capabilities->bounding, IsEmpty());
  EXPECT_EQ(process.rlimits[0].type, "RLIMIT_CORE");
  EXPECT_EQ(process.oom_score_adj, 0);
  EXPECT_TRUE(process.terminal);
}

// CVE-2026-30892: `-u 1` ran as user 0.
TEST(ExecUser, IsOneOrTwoNumbersAndNothingElse) {
  EXPECT_EQ(parse_exec_user("1").uid, 1u);
  EXPECT_EQ(parse_exec_user("1").gid, std::nullopt);
  EXPECT_EQ(parse_exec_user("4294967294:4294967294").gid, 4294967294u);
  for (const char* bad : {"", ":", "1:", ":1", "-1", "+1", " 1", "1 ", "0x1", "1.0", "root", "4294967295",
                          "4294967296", "18446744073709551616", "1:2:3", "1:root", "1:-1"})
    EXPECT_THROW((void)parse_exec_user(bad), Error) << bad;
}

TEST(NumberList, ReadsWhatTheKernelWrites) {
  EXPECT_EQ(parse_number_list("", 64), BitMask{});
  EXPECT_EQ(parse_number_list("0", 64), BitMask{1});
  EXPECT_EQ(parse_number_list("0-3,7", 64), BitMask{0x8f});
  EXPECT_EQ(parse_number_list("1,64", 128), (BitMask{2, 1}));
  for (const char* bad : {"-", "1-", "-1", "3-1", "64", "0-64", "a", "1,", ",", "1 2", "0x1"})
    EXPECT_EQ(parse_number_list(bad, 64), std::nullopt) << bad;
}

InitPlan plan_of(const oci::Process& process) {
  return std::move(build_exec_plan(process, {}).plan);
}

TEST(ExecPlan, HasNoRootAndMakesNoNamespace) {
  const InitPlan plan = plan_of(exec_process(container(), std::nullopt, command({"sh"})));
  EXPECT_FALSE(plan.rootfs);
  EXPECT_EQ(plan.namespaces.clone, 0u);
  EXPECT_FALSE(plan.gate.valid());
  EXPECT_EQ(plan.apparmor_exec, "exec profile");
  EXPECT_EQ(plan.oom_score_adj, 7);
}

TEST(ExecPlan, WaitsForWhatIsSetFromOutside) {
  const auto waits = [](const oci::Process& process, ExecInputs inputs) {
    inputs.placed_by_clone = true;
    return build_exec_plan(process, std::move(inputs)).plan.wait_for_placement;
  };
  oci::Process process;
  process.args = {"sh"};
  EXPECT_TRUE(build_exec_plan(process, {}).plan.wait_for_placement) << "it is moved into its cgroup";
  EXPECT_FALSE(waits(process, {}));
  EXPECT_TRUE(waits(process, {.joins_rdt = true}));
  process.rlimits = {{"RLIMIT_NOFILE", 10, 20}};
  EXPECT_FALSE(waits(process, {}));
  EXPECT_TRUE(waits(process, {.in_user_namespace = true}));
  process.rlimits.clear();
  process.oom_score_adj = 5;
  EXPECT_TRUE(waits(process, {}));
  process.oom_score_adj.reset();
  process.exec_cpu_affinity = oci::CpuAffinity{"", "0"};
  EXPECT_TRUE(waits(process, {}));
}

TEST(ExecPlan, CpusAreForExecOnly) {
  oci::Process process = exec_process(container(), std::nullopt, command({"sh"}));
  process.exec_cpu_affinity = oci::CpuAffinity{"0-1", "1"};
  const InitPlan plan = plan_of(process);
  EXPECT_EQ(plan.initial_cpus, BitMask{3});
  EXPECT_EQ(plan.final_cpus, BitMask{2});
  oci::Spec spec;
  spec.root.path = "/r";
  spec.process = process;
  EXPECT_THAT(build_plan(spec, {}).plan.initial_cpus, IsEmpty());
}

TEST(ExecPlan, PrioritiesAreTheKernelsNumbers) {
  oci::Process process = exec_process(container(), std::nullopt, command({"sh"}));
  process.scheduler =
      oci::Scheduler{.policy = oci::SchedulerPolicy::kDeadline,
                     .flags = {oci::SchedulerFlag::kResetOnFork, oci::SchedulerFlag::kReclaim},
                     .runtime = 10,
                     .deadline = 20,
                     .period = 30};
  process.io_priority = oci::IoPriority{oci::IoPriorityClass::kIdle, 3};
  const InitPlan plan = plan_of(process);
  EXPECT_EQ(plan.scheduler->attributes.policy, 6u);  // SCHED_DEADLINE
  EXPECT_EQ(plan.scheduler->attributes.flags, 3u);
  EXPECT_EQ(plan.scheduler->attributes.period, 30u);
  EXPECT_EQ(plan.io_priority->value, (3 << 13) | 3);
}

TEST(ExecPlan, MemoryPolicyHasItsFlagsInTheMode) {
  ExecInputs inputs;
  inputs.memory_policy =
      oci::MemoryPolicy{oci::MemoryPolicyMode::kBind, "0,2", {oci::MemoryPolicyFlag::kStaticNodes}};
  const InitPlan plan = std::move(build_exec_plan(container(), std::move(inputs)).plan);
  EXPECT_EQ(plan.memory_policy->mode, 2 | 1 << 15);  // MPOL_BIND | MPOL_F_STATIC_NODES
  EXPECT_EQ(plan.memory_policy->nodes, BitMask{5});
}

TEST(ExecPlan, NamespacesAreJoinedUserFirstAndMountLast) {
  oci::Linux linux_section;
  using enum oci::NamespaceType;
  for (const oci::NamespaceType type : {kMount, kPid, kUser, kNetwork})
    linux_section.namespaces.push_back({type, ""});
  EXPECT_THAT(namespace_types(linux_section),
              ElementsAre(CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWNS));
}

TEST(ValidateProcess, PrioritiesOutOfRange) {
  oci::Process process = container();
  process.scheduler = oci::Scheduler{.policy = oci::SchedulerPolicy::kBatch, .nice = 20, .runtime = 5};
  process.io_priority->priority = 8;
  process.exec_cpu_affinity = oci::CpuAffinity{"x", "9999"};
  const std::vector<std::string> problems = validate_process(process).problems;
  for (const char* text : {"/process/scheduler/nice", "SCHED_DEADLINE only", "/process/ioPriority/priority",
                           "/process/execCPUAffinity/initial", "/process/execCPUAffinity/final"})
    EXPECT_THAT(problems, Contains(HasSubstr(text)));
}

}  // namespace
}  // namespace crunlite::runtime
