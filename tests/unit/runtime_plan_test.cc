// SPDX-License-Identifier: Apache-2.0
// From a specification to the plan of its init, and what validation says about a bad one.
#include "runtime/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "base/error.h"
#include "runtime/sysctl.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum oci::NamespaceType;

oci::Spec small_spec() {
  oci::Spec spec;
  spec.root.path = "/r";
  spec.process.emplace();
  spec.process->args = {"true"};
  spec.process->cwd = "/";
  spec.linux.namespaces = {{kMount, ""}, {kPid, ""}};
  return spec;
}

PlanInputs small_inputs() {
  PlanInputs inputs;
  inputs.id = "web";
  inputs.rootfs = "/r";
  inputs.bundle = "/b";
  return inputs;
}

InitPlan plan_of(const oci::Spec& spec) {
  return std::move(build_plan(spec, small_inputs()).plan);
}

TEST(Plan, NewNamespacesAreMadeByTheClone) {
  oci::Spec spec = small_spec();
  spec.linux.namespaces = {{kMount, ""}, {kPid, ""}, {kTime, ""}};
  EXPECT_EQ(plan_of(spec).namespaces.clone, uint64_t{CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWTIME});
}

TEST(Plan, TheCgroupNamespaceComesAfterThePlacementAndTimeAfterItsOffsets) {
  oci::Spec spec = small_spec();
  spec.linux.namespaces = {{kMount, ""}, {kCgroup, ""}, {kTime, ""}};
  spec.linux.monotonic_offset = oci::TimeOffset{-5, 7};
  const InitPlan plan = plan_of(spec);
  EXPECT_EQ(plan.namespaces.clone, uint64_t{CLONE_NEWNS});
  EXPECT_EQ(plan.namespaces.unshare_late, CLONE_NEWCGROUP);
  EXPECT_EQ(plan.namespaces.time_offsets, "monotonic -5 7\n");
}

TEST(Plan, TheUserNamespaceIsJoinedFirstAndThePidNamespaceByTheParent) {
  oci::Spec spec = small_spec();
  spec.linux.namespaces = {{kPid, "/p"}, {kMount, "/m"}, {kUts, ""}, {kNetwork, "/n"}, {kUser, "/u"}};
  const InitPlan plan = plan_of(spec);
  std::vector<std::string> order;
  for (const NamespaceJoin& ns : plan.namespaces.join) order.push_back(ns.path);
  EXPECT_THAT(order, ElementsAre("/u", "/n", "/m"));
  ASSERT_EQ(plan.namespaces.join_by_parent.size(), 1u);
  EXPECT_EQ(plan.namespaces.join_by_parent[0].path, "/p");
  EXPECT_EQ(plan.namespaces.clone, 0u);
  EXPECT_EQ(plan.namespaces.unshare_joined, CLONE_NEWUTS);
}

TEST(Plan, WithANewUserNamespaceTheParentJoinsTheRest) {
  oci::Spec spec = small_spec();
  spec.linux.namespaces = {{kMount, ""}, {kUser, ""}, {kNetwork, "/n"}};
  spec.linux.uid_mappings = spec.linux.gid_mappings = {{0, 1000, 1}};
  const InitPlan plan = plan_of(spec);
  EXPECT_TRUE(plan.namespaces.new_user);
  EXPECT_THAT(plan.namespaces.join, IsEmpty());
  EXPECT_EQ(plan.namespaces.join_by_parent.size(), 1u);
  EXPECT_TRUE(plan.rootfs->bind_devices);
}

TEST(Plan, TheEnvironmentHasASlotForHomeAndTheListeners) {
  oci::Spec spec = small_spec();
  spec.process->env = {"PATH=/a", "PATH=/b"};
  PlanInputs inputs = small_inputs();
  inputs.listen_fds = 2;
  inputs.preserve_fds = 3;
  const InitPlan plan = std::move(build_plan(spec, inputs).plan);
  EXPECT_EQ(plan.search_path, "/b");
  EXPECT_TRUE(plan.look_up_home);
  EXPECT_EQ(plan.preserved_fds, 3u);
  EXPECT_TRUE(plan.tell_listen_pid);
  ASSERT_EQ(plan.env.pointers.size(), 5u);
  EXPECT_STREQ(plan.env.pointers[0], "PATH=/b");
  EXPECT_STREQ(plan.env.pointers[1], "LISTEN_FDS=2");
  EXPECT_EQ(plan.env.pointers[2], nullptr);
  EXPECT_EQ(plan.env.pointers[3], nullptr);
  EXPECT_EQ(plan.env.pointers[4], nullptr);
}

TEST(Plan, TheStateOfHooksIsCutWhereThePidStands) {
  oci::Spec spec = small_spec();
  spec.hooks.create_container = {{"/h", {}, {}, 2}};
  PlanInputs inputs = small_inputs();
  inputs.created_json = R"({"id":"x","pid":0,"bundle":"/b"})";
  const InitPlan plan = std::move(build_plan(spec, inputs).plan);
  EXPECT_EQ(plan.create_container.state_head, R"({"id":"x","pid":)");
  EXPECT_EQ(plan.create_container.state_tail, R"(,"bundle":"/b"})");
  EXPECT_EQ(plan.create_container.hooks[0].timeout_ms, 2000);
  EXPECT_STREQ(plan.create_container.hooks[0].args.pointers[0], "/h");
}

TEST(Plan, GroupsThatCannotBeSetAreAnError) {
  oci::Spec spec = small_spec();
  spec.process->user.additional_gids = {5};
  PlanInputs inputs = small_inputs();
  inputs.deny_setgroups = true;
  EXPECT_THROW(build_plan(spec, inputs), Error);
}

TEST(Sysctl, OnlyNamespacedOnesAndNoTricks) {
  const struct {
    const char* key;
    const char* path;
    int type;
  } kGood[] = {{"net.ipv4.ip_forward", "sys/net/ipv4/ip_forward", CLONE_NEWNET},
               {"net.ipv4.conf.eth0/100.rp_filter", "sys/net/ipv4/conf/eth0.100/rp_filter", CLONE_NEWNET},
               {"net/ipv4/conf/eth0.100/rp_filter", "sys/net/ipv4/conf/eth0.100/rp_filter", CLONE_NEWNET},
               {"kernel.shm_rmid_forced", "sys/kernel/shm_rmid_forced", CLONE_NEWIPC},
               {"fs.mqueue.msg_max", "sys/fs/mqueue/msg_max", CLONE_NEWIPC}};
  for (const auto& good : kGood) {
    std::string problem;
    const Sysctl sysctl = parse_sysctl(good.key, "1", problem);
    EXPECT_EQ(problem, "");
    EXPECT_EQ(sysctl.path, good.path);
    EXPECT_EQ(sysctl.namespace_type, good.type);
  }
  for (const char* bad : {"kernel.core_pattern", "net/../kernel/core_pattern", "net...x", "/net/x",
                          "kernel.hostname", "net.x+kernel.y", "net.", "", "kernel.shm_rmid_forced/x"}) {
    std::string problem;
    (void)parse_sysctl(bad, "1", problem);
    EXPECT_NE(problem, "") << bad;
  }
}

TEST(Validate, ASmallSpecIsFine) {
  EXPECT_THAT(validate(small_spec()).problems, IsEmpty());
}

TEST(Validate, ReportsEveryProblem) {
  oci::Spec spec = small_spec();
  spec.hostname = "x";
  spec.process->cwd = "relative";
  spec.process->args.clear();
  spec.process->user.uid = UINT32_MAX;
  spec.process->rlimits = {{"RLIMIT_NOFILE", 2, 1}, {"RLIMIT_NOFILE", 1, 1}, {"RLIMIT_X", 1, 1}};
  spec.linux.namespaces = {{kPid, ""}, {kPid, ""}};
  spec.linux.uid_mappings = {{0, 0, 1}};
  spec.linux.sysctl = {{"net.ipv4.ip_forward", "1"}};
  spec.mounts.push_back({"/x", "bind", std::string("/a\0b", 4), {"bind"}});
  const std::vector<std::string> problems = validate(spec).problems;
  for (const char* part :
       {"/hostname", "/process/cwd", "/process/args", "/process/user/uid", "soft is larger",
        "RLIMIT_NOFILE is there twice", "unknown rlimit \"RLIMIT_X\"", "namespace pid is there twice",
        "id mappings need", "needs a network namespace", "must not contain a NUL"})
    EXPECT_THAT(problems, Contains(HasSubstr(part)));
}

TEST(Validate, UnknownCapabilitiesAreWarnings) {
  oci::Spec spec = small_spec();
  spec.process->capabilities.emplace().bounding = {"CAP_NEWER_THAN_US"};
  const Findings findings = validate(spec);
  EXPECT_THAT(findings.problems, IsEmpty());
  EXPECT_THAT(findings.warnings, ElementsAre(HasSubstr("CAP_NEWER_THAN_US")));
}

}  // namespace
}  // namespace crunlite::runtime
