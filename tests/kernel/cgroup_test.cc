// SPDX-License-Identifier: Apache-2.0
// Cgroups on the real kernel, whichever versions it has: limits that bite, devices that are denied, killing
// and removing. Needs root. Every container has an id of its own, and nothing may be left afterwards.
#include "runtime/cgroup/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <functional>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup/devices.h"
#include "runtime/cgroup/mounts.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A process in `cgroup` that runs `body` and exits with its result.
Child start_in(Cgroup& cgroup, const std::function<int()>& body) {
  sys::PipeEnds go = check(sys::pipe(), "pipe");
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (cgroup.clone_fd() >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(cgroup.clone_fd());
  }
  const pid_t pid = check(sys::clone3(args), "clone3");
  if (pid == 0) {
    char byte = 0;
    go.write.reset();
    (void)sys::read(go.read.get(), &byte, 1);
    ::_exit(body());
  }
  Child child(pid, UniqueFd(pidfd));
  cgroup.join(pid, cgroup.clone_fd() >= 0 ? InV2::kYes : InV2::kNo);
  return child;
}

int sleep_for_ever() {
  for (;;) ::pause();
}

std::string read_text(const std::string& path) {
  std::string text = read_file(AT_FDCWD, path, 1u << 20);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (mounted_hierarchies(proc_).empty()) GTEST_SKIP() << "no cgroup file system is mounted";
    id_ = "test-" + random_hex(6);
    parent_ = "/crun-lite-" + id_;
    plan_ = plan({});
  }
  void TearDown() override {
    for (const CgroupHierarchy& here : plan_.hierarchies) {
      EXPECT_FALSE(sys::stat_at(AT_FDCWD, (here.mount_point + parent_).c_str(), 0).ok())
          << "left behind: " << here.mount_point << parent_;
    }
  }
  CgroupPlan plan(const std::string& path) {
    return plan_cgroup(
        {.spec_path = path.empty() ? parent_ + "/" + id_ : path, .id = id_, .owner = "/run/crun-lite/" + id_},
        proc_);
  }
  // The file of the version that has the controller here.
  std::string value(std::string_view controller, const std::string& v1, const std::string& v2) {
    const CgroupHierarchy* here = plan_.with_controller(controller);
    return here ? read_text(here->full_path() + "/" + (here->v2 ? v2 : v1)) : "";
  }
  bool is_v2(std::string_view controller) {
    const CgroupHierarchy* here = plan_.with_controller(controller);
    return here && here->v2;
  }

  Proc proc_ = check(Proc::open(), "open procfs");
  std::string id_;
  std::string parent_;
  CgroupPlan plan_;
};

TEST_F(CgroupTest, ExistsWhileOwnedAndIsGoneAfterwards) {
  {
    const Cgroup cgroup = Cgroup::create(plan_);
    for (const CgroupHierarchy& here : plan_.hierarchies)
      EXPECT_TRUE(sys::stat_at(AT_FDCWD, here.full_path().c_str(), 0).ok()) << here.full_path();
  }
  for (const CgroupHierarchy& here : plan_.hierarchies)
    EXPECT_FALSE(sys::stat_at(AT_FDCWD, here.full_path().c_str(), 0).ok()) << here.full_path();
}

TEST_F(CgroupTest, UnwindingKillsWhatIsInside) {
  Child child;
  {
    Cgroup cgroup = Cgroup::create(plan_);
    child = start_in(cgroup, sleep_for_ever);
  }
  EXPECT_EQ(child.wait().shell_code(), 128 + SIGKILL);
}

TEST_F(CgroupTest, JoinsEveryHierarchy) {
  Cgroup cgroup = Cgroup::create(plan_);
  const Child child = start_in(cgroup, sleep_for_ever);
  const std::string text = read_text("/proc/" + std::to_string(child.pid()) + "/cgroup");
  for (const CgroupHierarchy& here : plan_.hierarchies) {
    const std::string name = here.v2 ? "0:" : here.controllers.front();
    EXPECT_THAT(text, HasSubstr(parent_)) << name;
    EXPECT_EQ(
        cgroup_processes(check(sys::open_at(AT_FDCWD, here.full_path().c_str(), O_RDONLY), "open").get()),
        std::vector<pid_t>{child.pid()})
        << here.full_path();
  }
  EXPECT_EQ(cgroup.processes(), std::vector<pid_t>{child.pid()});
}

TEST_F(CgroupTest, ForkBeyondThePidsLimitFails) {
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.pids_limit = 3});
  Child child = start_in(cgroup, [] {
    int forks = 0;
    for (; forks < 10; ++forks) {
      clone_args args{};
      args.exit_signal = SIGCHLD;
      const sys::Result<pid_t> pid = sys::clone3(args);
      if (!pid.ok()) return pid.error() == EAGAIN ? forks : 100;
      if (*pid == 0) return sleep_for_ever();
    }
    return forks;
  });
  EXPECT_EQ(child.wait().status, 2);
}

TEST_F(CgroupTest, APidsLimitOfZeroIsReal) {
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.pids_limit = 0});
  Child child = start_in(cgroup, [] {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    return sys::clone3(args).error();
  });
  EXPECT_EQ(value("pids", "pids.max", "pids.max"), "0");
  EXPECT_EQ(child.wait().status, EAGAIN);
}

TEST_F(CgroupTest, MemoryLimitKills) {
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.memory = {.limit = 16 << 20, .swap = 16 << 20}});
  EXPECT_EQ(value("memory", "memory.limit_in_bytes", "memory.max"), std::to_string(16 << 20));
  Child child = start_in(cgroup, [] {
    constexpr size_t kSize = 64u << 20;
    auto* bytes = static_cast<volatile char*>(
        ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t i = 0; i < kSize; i += 4096) bytes[i] = 1;
    return 0;
  });
  EXPECT_EQ(child.wait().shell_code(), 128 + SIGKILL);
  EXPECT_EQ(cgroup.oom_kills(), 1u);
}

TEST_F(CgroupTest, LimitsCanBeRaisedAndLowered) {
  Cgroup cgroup = Cgroup::create(plan_);
  for (const int64_t megabytes : {64, 256, 32}) {
    const int64_t limit = megabytes << 20;
    cgroup.update({.memory = {.limit = limit, .swap = limit}});
    EXPECT_EQ(value("memory", "memory.limit_in_bytes", "memory.max"), std::to_string(limit));
  }
}

TEST_F(CgroupTest, CpuFilesHoldWhatWasAsked) {
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.cpu = {.shares = 512, .quota = 50'000, .period = 200'000, .cpus = "0", .mems = "0"}});
  if (is_v2("cpu")) {
    EXPECT_EQ(value("cpu", "", "cpu.weight"), "59");
    EXPECT_EQ(value("cpu", "", "cpu.max"), "50000 200000");
  } else {
    EXPECT_EQ(value("cpu", "cpu.shares", ""), "512");
    EXPECT_EQ(value("cpu", "cpu.cfs_quota_us", ""), "50000");
    EXPECT_EQ(value("cpu", "cpu.cfs_period_us", ""), "200000");
  }
  EXPECT_EQ(value("cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
  cgroup.update({.cpu = {.quota = -1}});
  EXPECT_EQ(value("cpu", "cpu.cfs_quota_us", "cpu.max"), is_v2("cpu") ? "max 200000" : "-1");
}

// Opens a device node made in a tmpfs-like place of our own; gives the errno.
int try_open(const std::string& directory, dev_t device, int flags) {
  const std::string node = directory + "/node-" + random_hex(4);
  if (const sys::Status made = sys::mknod_at(AT_FDCWD, node.c_str(), S_IFCHR | 0600, device); !made.ok())
    return 200;
  const int error = sys::open_at(AT_FDCWD, node.c_str(), flags).error();
  (void)sys::unlink_at(AT_FDCWD, node.c_str());
  return error;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() { check(sys::mkdir_at(AT_FDCWD, path_.c_str(), 0700), "mkdir ", path_); }
  ~TemporaryDirectory() { remove_tree(AT_FDCWD, path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/cgroup-test." + random_hex(6);
};

TEST_F(CgroupTest, DevicesAreDeniedUnlessAllowed) {
  const TemporaryDirectory directory;
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.devices = {{.allow = false, .access = "rwm"},
                            {.allow = true, .type = 'c', .major = 1, .minor = 11, .access = "r"}}});
  const auto open_inside = [&](dev_t device, int flags) {
    return start_in(cgroup, [&] { return try_open(directory.path(), device, flags); }).wait().status;
  };
  EXPECT_EQ(open_inside(makedev(1, 3), O_RDWR), 0) << "null is a default device";
  EXPECT_EQ(open_inside(makedev(10, 229), O_RDWR), EPERM) << "fuse is not, though mknod of it works";
  EXPECT_EQ(open_inside(makedev(1, 11), O_RDONLY), 0) << "kmsg was allowed for reading";
  EXPECT_EQ(open_inside(makedev(1, 11), O_WRONLY), EPERM);
  EXPECT_EQ(try_open(directory.path(), makedev(1, 11), O_WRONLY), 0) << "and the host is not affected";
}

TEST_F(CgroupTest, ThePrivilegedRuleOpensEverything) {
  const TemporaryDirectory directory;
  Cgroup cgroup = Cgroup::create(plan_);
  cgroup.apply({.devices = {{.allow = true, .access = "rwm"}}});
  EXPECT_EQ(
      start_in(cgroup, [&] { return try_open(directory.path(), makedev(1, 11), O_RDWR); }).wait().status, 0);
}

// The filter of v2, also where v1 has the devices controller: a BPF program works on any cgroup2 directory.
TEST_F(CgroupTest, TheDeviceProgramDecidesEachAccess) {
  Cgroup cgroup = Cgroup::create(plan_);
  if (cgroup.clone_fd() < 0) GTEST_SKIP() << "no cgroup2 is mounted";
  const TemporaryDirectory directory;
  const auto open_inside = [&](dev_t device, int flags) {
    return start_in(cgroup, [&] { return try_open(directory.path(), device, flags); }).wait().status;
  };
  attach_device_program(cgroup.clone_fd(),
                        device_program(with_default_devices(
                            {{.allow = true, .type = 'c', .major = 1, .access = "rw"},
                             {.allow = false, .type = 'c', .major = 1, .minor = 11, .access = "w"}})));
  EXPECT_EQ(open_inside(makedev(1, 3), O_RDWR), 0);
  EXPECT_EQ(open_inside(makedev(10, 229), O_RDWR), EPERM);
  EXPECT_EQ(open_inside(makedev(1, 11), O_RDONLY), 0);
  EXPECT_EQ(open_inside(makedev(1, 11), O_WRONLY), EPERM) << "a later, narrower rule takes writing away";
  EXPECT_EQ(open_inside(makedev(1, 11), O_RDWR), EPERM);
  attach_device_program(cgroup.clone_fd(), device_program(with_default_devices({})));
  EXPECT_EQ(open_inside(makedev(1, 11), O_RDONLY), EPERM) << "the new program replaces the old one";
}

TEST_F(CgroupTest, KillAllReachesNestedAndFrozenCgroups) {
  Cgroup cgroup = Cgroup::create(plan_);
  Child child = start_in(cgroup, [] {
    clone_args args{};
    args.exit_signal = SIGCHLD;
    (void)sys::clone3(args);
    return sleep_for_ever();
  });
  // A cgroup that the container made inside its own, with its process frozen in it.
  const bool v1 = plan_.with_controller("freezer") != nullptr;
  const CgroupHierarchy& here = v1 ? *plan_.with_controller("freezer") : *plan_.v2();
  const std::string inner = here.full_path() + "/inner";
  check(sys::mkdir_at(AT_FDCWD, inner.c_str(), 0755), "mkdir ", inner);
  const UniqueFd dir = check(sys::open_at(AT_FDCWD, inner.c_str(), O_RDONLY | O_DIRECTORY), "open ", inner);
  check(write_cgroup_file(dir.get(), "cgroup.procs", std::to_string(child.pid())), "join ", inner);
  check(write_cgroup_file(dir.get(), v1 ? "freezer.state" : "cgroup.freeze", v1 ? "FROZEN" : "1"), "freeze");
  cgroup.kill_all(SIGKILL);
  const std::optional<sys::Exit> exit = child.wait_for(seconds(5));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->shell_code(), 128 + SIGKILL);
  cgroup.remove();
  EXPECT_FALSE(sys::stat_at(AT_FDCWD, here.full_path().c_str(), 0).ok());
}

TEST_F(CgroupTest, FreezesAndThaws) {
  Cgroup cgroup = Cgroup::create(plan_);
  Child child = start_in(cgroup, [] { return 7; });
  child.wait();
  child = start_in(cgroup, sleep_for_ever);
  EXPECT_FALSE(cgroup.frozen());
  cgroup.freeze();
  EXPECT_TRUE(cgroup.frozen());
  cgroup.kill_all(SIGTERM);
  EXPECT_TRUE(cgroup.frozen()) << "a signal other than KILL leaves a paused container paused";
  cgroup.thaw();
  EXPECT_FALSE(cgroup.frozen());
  EXPECT_EQ(child.wait().shell_code(), 128 + SIGTERM);
}

TEST_F(CgroupTest, RemoveWaitsForTheLastProcess) {
  Cgroup cgroup = Cgroup::create(plan_);
  Child child = start_in(cgroup, [] { return ::usleep(50'000); });
  cgroup.remove();
  EXPECT_EQ(child.wait().status, 0);
}

TEST_F(CgroupTest, RemoveNamesWhoIsInTheWay) {
  Cgroup cgroup = Cgroup::create(plan_);
  const Child child = start_in(cgroup, sleep_for_ever);
  try {
    cgroup.remove(std::chrono::milliseconds(20));
    FAIL() << "it was busy";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(child.pid())));
  }
  cgroup.kill_all(SIGKILL);
  cgroup.remove();
}

TEST_F(CgroupTest, IsFoundAgainByRecordAndByMark) {
  Cgroup::create(plan_).keep();
  json::Value record = encode_cgroup_plan(plan_);
  std::vector<std::string> problems;
  Cgroup by_record = Cgroup::open(decode_cgroup_plan(json::Reader(record, problems)));
  EXPECT_THAT(problems, IsEmpty());
  const CgroupPlan found = discover_cgroup(id_, plan_.owner, proc_);
  ASSERT_EQ(found.hierarchies.size(), plan_.hierarchies.size());
  EXPECT_THAT(discover_cgroup(id_, "/run/other", proc_).hierarchies, IsEmpty());
  Cgroup::open(found).remove();
  by_record.remove();  // gone already: fine
}

TEST_F(CgroupTest, WhatOthersMadeIsUsedAndStays) {
  for (const CgroupHierarchy& here : plan_.hierarchies) {
    check(sys::mkdir_at(AT_FDCWD, (here.mount_point + parent_).c_str(), 0755), "mkdir");
    check(sys::mkdir_at(AT_FDCWD, here.full_path().c_str(), 0755), "mkdir");
  }
  plan_ = plan({});
  { const Cgroup cgroup = Cgroup::create(plan_); }
  for (const CgroupHierarchy& here : plan_.hierarchies) {
    EXPECT_TRUE(sys::unlink_at(AT_FDCWD, here.full_path().c_str(), AT_REMOVEDIR).ok()) << here.full_path();
    EXPECT_TRUE(sys::unlink_at(AT_FDCWD, (here.mount_point + parent_).c_str(), AT_REMOVEDIR).ok());
  }
}

TEST_F(CgroupTest, AnOccupiedCgroupIsRefusedAndLeftAlone) {
  Cgroup first = Cgroup::create(plan_);
  const Child child = start_in(first, sleep_for_ever);
  CgroupPlan second =
      plan_cgroup({.spec_path = parent_ + "/" + id_, .id = "other", .owner = "/run/other"}, proc_);
  EXPECT_THROW((void)Cgroup::create(second), Error);
  Cgroup::open(second).kill_all(SIGKILL);
  EXPECT_EQ(::kill(child.pid(), 0), 0) << "a foreign record must not reach our processes";
}

TEST_F(CgroupTest, TheSharedParentGoesWithTheLastContainer) {
  CgroupPlan other =
      plan_cgroup({.spec_path = parent_ + "/other", .id = "other", .owner = "/run/other"}, proc_);
  Cgroup first = Cgroup::create(plan_);
  Cgroup second = Cgroup::create(other);
  first.remove();
  for (const CgroupHierarchy& here : other.hierarchies)
    EXPECT_TRUE(sys::stat_at(AT_FDCWD, here.full_path().c_str(), 0).ok());
  second.remove();  // TearDown looks for the parent
}

TEST_F(CgroupTest, UnifiedNeedsAControllerThatIsThere) {
  Cgroup cgroup = Cgroup::create(plan_);
  try {
    cgroup.apply({.unified = {{"nosuch.max", "1"}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nosuch"));
    EXPECT_THAT(error.what(), Not(HasSubstr("o such file or directory")));
  }
  if (plan_.v2()) {
    cgroup.apply({.unified = {{"cgroup.max.depth", "5"}}});
    EXPECT_EQ(read_text(plan_.v2()->full_path() + "/cgroup.max.depth"), "5");
  }
}

TEST_F(CgroupTest, PathsThatClimbAreRefused) {
  for (const char* path : {"/a/../../tmp/x", "..", "/./a", "a/./b", "/a/..", "/"})
    EXPECT_THROW(plan(path), Error) << path;
  EXPECT_THROW(plan(std::string("/a\0b", 4)), Error);
}

}  // namespace
}  // namespace crunlite::runtime
