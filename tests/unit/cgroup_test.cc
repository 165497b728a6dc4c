// SPDX-License-Identifier: Apache-2.0
// Cgroups without a kernel: reading mountinfo, paths, limits as files, device rules, and v2 on a fake tree.
#include "runtime/cgroup/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup/devices.h"
#include "runtime/cgroup/members.h"
#include "runtime/cgroup/mounts.h"
#include "runtime/cgroup/settings.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {

inline void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.file << "=" << setting.value << (setting.optional ? "?" : "");
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

CurrentValue files(std::map<std::string, std::string> content) {
  return [content = std::move(content)](const std::string& file) -> std::optional<std::string> {
    const auto found = content.find(file);
    return found == content.end() ? std::nullopt : std::optional(found->second);
  };
}

const CurrentValue kNothing = files({});

// --- where -------------------------------------------------------------------------------------------------

TEST(CgroupMounts, ReadsAHybridMachine) {
  const auto found = parse_hierarchies(
      "25 20 0:22 / /sys/fs/cgroup rw shared:5 - tmpfs tmpfs rw,mode=755\n"
      "26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n"
      "27 25 0:24 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "28 25 0:25 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n",
      "9:name=systemd:/init.scope\n4:memory:/a\n1:cpu,cpuacct:/b:c\n0::/d\n");
  ASSERT_EQ(found.size(), 3u) << "memory is mounted nowhere";
  EXPECT_THAT(found[0].controllers, ElementsAre("name=systemd"));
  EXPECT_EQ(found[0].own_path, "/init.scope");
  EXPECT_THAT(found[1].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_EQ(found[1].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found[1].own_path, "/b:c");
  EXPECT_TRUE(found[2].v2);
  EXPECT_EQ(found[2].mount_point, "/sys/fs/cgroup/uni fied");
}

TEST(CgroupMounts, TakesTheFirstOfSeveralMountsAndItsRootIntoAccount) {
  const auto found = parse_hierarchies(
      "30 20 0:9 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"
      "31 20 0:9 / /somewhere/else ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
      "0::/docker/abc/inner\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].mount_point, "/sys/fs/cgroup");
  EXPECT_EQ(found[0].own_path, "/inner");
}

TEST(CgroupMounts, KnowsWhenWeAreOutsideOfTheMount) {
  const auto found =
      parse_hierarchies("30 20 0:9 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abcd\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].own_path, "");
}

TEST(CgroupPath, IsTakenApartIntoPlainNames) {
  EXPECT_THAT(cgroup_components("/a//b/"), ElementsAre("a", "b"));
  EXPECT_THAT(cgroup_components("/a/..b/c.."), ElementsAre("a", "..b", "c.."));
  EXPECT_THAT(cgroup_components(""), IsEmpty());
  for (const std::string_view bad : {"..", "/a/../b", "a/.", "./a", "/a/../../../../../tmp/x"})
    EXPECT_THROW(cgroup_components(bad), Error) << bad;
  EXPECT_THROW(cgroup_components(std::string_view("/a\0b", 4)), Error);
}

TEST(CgroupPlan, RefusesTheManagerItDoesNotHave) {
  const Proc none;  // nothing is read
  EXPECT_THROW(plan_cgroup({.id = "web", .manager = CgroupManager::kSystemd}, none), Error);
  EXPECT_THAT(plan_cgroup({.id = "web", .manager = CgroupManager::kDisabled}, none).hierarchies, IsEmpty());
  EXPECT_THROW(plan_cgroup({.spec_path = "/../x", .id = "web", .manager = CgroupManager::kDisabled}, none),
               Error);
  EXPECT_EQ(parse_cgroup_manager("disabled"), CgroupManager::kDisabled);
  EXPECT_THROW(parse_cgroup_manager("systemctl"), Error);
}

const CgroupPlan kHybridPlan = {
    .id = "web",
    .owner = "/run/crun-lite/web",
    .hierarchies = {{.controllers = {"cpu", "cpuacct"},
                     .mount_point = "/sys/fs/cgroup/cpu,cpuacct",
                     .path = "/crun-lite/web"},
                    {.controllers = {"name=systemd"}, .mount_point = "/sys/fs/cgroup/systemd", .path = "/w"},
                    {.v2 = true, .mount_point = "/sys/fs/cgroup/unified", .path = "/w", .existed = true}}};

TEST(CgroupPlan, SurvivesTheRecord) {
  const json::Value document = encode_cgroup_plan(kHybridPlan);
  std::vector<std::string> problems;
  const CgroupPlan read = decode_cgroup_plan(json::Reader(document, problems));
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(json::dump(encode_cgroup_plan(read)), json::dump(document));
  EXPECT_TRUE(read.v2() && read.v2()->existed);
  EXPECT_EQ(read.with_controller("cpuacct")->full_path(), "/sys/fs/cgroup/cpu,cpuacct/crun-lite/web");
}

TEST(CgroupPlan, SaysWhatTheContainerMounts) {
  const std::vector<ContainerCgroupMount> mounts = container_cgroup_mounts(kHybridPlan);
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].directory, "cpu,cpuacct");
  EXPECT_EQ(mounts[0].data, "cpu,cpuacct");
  EXPECT_EQ(mounts[1].directory, "systemd");
  EXPECT_EQ(mounts[1].data, "none,name=systemd");
  EXPECT_EQ(mounts[2].directory, "unified");
  EXPECT_EQ(mounts[2].type, "cgroup2");
  const CgroupPlan alone{.hierarchies = {{.v2 = true, .mount_point = "/sys/fs/cgroup", .path = "/w"}}};
  EXPECT_EQ(container_cgroup_mounts(alone).at(0).directory, "");
}

TEST(CgroupDisabled, RefusesLimitsAndIgnoresDeviceRules) {
  Cgroup cgroup = Cgroup::create({.manager = CgroupManager::kDisabled, .id = "web"});
  EXPECT_EQ(cgroup.clone_fd(), -1);
  cgroup.apply({.devices = {{.allow = false, .access = "rwm"}}, .pids_limit = 0});
  EXPECT_THROW(cgroup.apply({.pids_limit = 100}), Error);
  EXPECT_THROW(cgroup.apply({.memory = {.limit = 1 << 20}}), Error);
  cgroup.join(1, InV2::kNo);
  cgroup.kill_all(SIGKILL);
  cgroup.remove();
}

// --- limits ------------------------------------------------------------------------------------------------

TEST(CpuWeight, MapsMinimumDefaultAndMaximum) {
  const std::map<uint64_t, uint64_t> expected = {
      {0, 0}, {1, 1}, {2, 1}, {512, 59}, {1024, 100}, {2048, 174}, {262'144, 10'000}, {999'999, 10'000}};
  for (const auto& [shares, weight] : expected) EXPECT_EQ(cpu_weight_from_shares(shares), weight) << shares;
  for (uint64_t shares = 2; shares < 262'144; shares += 7)
    ASSERT_LE(cpu_weight_from_shares(shares), cpu_weight_from_shares(shares + 7)) << "never falls";
}

TEST(CgroupMemory, V1) {
  const oci::Resources all{
      .memory = {.limit = 100, .reservation = 50, .swap = 300, .swappiness = 0, .disable_oom_killer = true}};
  EXPECT_THAT(
      memory_v1(all, kNothing),
      ElementsAre(Setting{"memory.limit_in_bytes", "100"}, Setting{"memory.memsw.limit_in_bytes", "300"},
                  Setting{"memory.soft_limit_in_bytes", "50"}, Setting{"memory.swappiness", "0"},
                  Setting{"memory.oom_control", "1"}));
  EXPECT_THAT(memory_v1({.memory = {.limit = 0, .swap = 0}}, kNothing), IsEmpty()) << "0 is 'not set' in Go";
  EXPECT_THAT(memory_v1({.memory = {.limit = -1}}, kNothing),
              ElementsAre(Setting{"memory.limit_in_bytes", "-1"},
                          Setting{"memory.memsw.limit_in_bytes", "-1", true}));
}

TEST(CgroupMemory, V2CountsSwapAlone) {
  EXPECT_THAT(memory_v2({.memory = {.limit = 100, .reservation = 50, .swap = 300}}, kNothing),
              ElementsAre(Setting{"memory.swap.max", "200"}, Setting{"memory.max", "100"},
                          Setting{"memory.low", "50"}));
  EXPECT_THAT(memory_v2({.memory = {.limit = 100, .swap = 100}}, kNothing),
              ElementsAre(Setting{"memory.swap.max", "0", true}, Setting{"memory.max", "100"}));
  EXPECT_THAT(memory_v2({.memory = {.limit = 100, .swap = -1}}, kNothing),
              ElementsAre(Setting{"memory.swap.max", "max", true}, Setting{"memory.max", "100"}));
  EXPECT_THAT(memory_v2({.memory = {.limit = -1}}, kNothing),
              ElementsAre(Setting{"memory.swap.max", "max", true}, Setting{"memory.max", "max"}));
  EXPECT_THAT(memory_v2({.memory = {.swap = 300}}, files({{"memory.max", "100\n"}})),
              ElementsAre(Setting{"memory.swap.max", "200"}))
      << "an update of the swap alone";
  EXPECT_THROW(memory_v2({.memory = {.swap = 300}}, files({{"memory.max", "max\n"}})), Error);
  EXPECT_THROW(memory_v2({.memory = {.limit = 300, .swap = 100}}, kNothing), Error);
}

TEST(CgroupMemory, V2RefusesWhatItCannotDo) {
  EXPECT_THROW(memory_v2({.memory = {.swappiness = 10}}, kNothing), Error);
  EXPECT_THROW(memory_v2({.memory = {.disable_oom_killer = true}}, kNothing), Error);
  EXPECT_THROW(memory_v2({.memory = {.limit = 100, .check_before_update = true}},
                         files({{"memory.current", "101\n"}})),
               Error);
}

TEST(CgroupCpu, V1AndV2) {
  const oci::Resources all{
      .cpu = {.shares = 1024, .quota = 50'000, .period = 100'000, .burst = 10, .idle = 1, .cpus = "0-1"}};
  EXPECT_THAT(cpu_v1(all, kNothing),
              ElementsAre(Setting{"cpu.shares", "1024"}, Setting{"cpu.cfs_period_us", "100000"},
                          Setting{"cpu.cfs_quota_us", "50000"}, Setting{"cpu.cfs_burst_us", "10"},
                          Setting{"cpu.idle", "1"}));
  EXPECT_THAT(cpu_v2(all, kNothing),
              ElementsAre(Setting{"cpu.weight", "100"}, Setting{"cpu.max", "50000 100000"},
                          Setting{"cpu.max.burst", "10"}, Setting{"cpu.idle", "1"}));
  EXPECT_THAT(cpuset(all, kNothing), ElementsAre(Setting{"cpuset.cpus", "0-1"}));
}

TEST(CgroupCpu, V2KeepsTheOtherHalf) {
  const CurrentValue now = files({{"cpu.max", "20000 50000\n"}});
  EXPECT_THAT(cpu_v2({.cpu = {.quota = 10'000}}, now), ElementsAre(Setting{"cpu.max", "10000 50000"}));
  EXPECT_THAT(cpu_v2({.cpu = {.period = 40'000}}, now), ElementsAre(Setting{"cpu.max", "20000 40000"}));
  EXPECT_THAT(cpu_v2({.cpu = {.quota = -1}}, now), ElementsAre(Setting{"cpu.max", "max 50000"}));
  EXPECT_THAT(cpu_v2({.cpu = {.quota = -1}}, kNothing), ElementsAre(Setting{"cpu.max", "max 100000"}));
  EXPECT_THROW(cpu_v2({.cpu = {.realtime_runtime = 1}}, kNothing), Error);
}

TEST(CgroupPids, ZeroIsAZero) {
  EXPECT_THAT(pids({}, kNothing), IsEmpty());
  EXPECT_THAT(pids({.pids_limit = -1}, kNothing), ElementsAre(Setting{"pids.max", "max"}));
  EXPECT_THAT(pids({.pids_limit = 0}, kNothing), ElementsAre(Setting{"pids.max", "0"}));
}

TEST(CgroupUnified, WritesLineByLineAndKnowsItsPlace) {
  const std::string absent = "rbps=max wbps=max riops=max wiops=max";
  EXPECT_THAT(unified({.unified = {{"io.max", "8:0 rbps=1\n8:16 rbps=2\n"}, {"memory.high", "10"}}}),
              ElementsAre(Setting{"io.max", "8:0 rbps=1", false, absent},
                          Setting{"io.max", "8:16 rbps=2", false, absent}, Setting{"memory.high", "10"}));
  for (const char* bad : {"", ".", "..", "memory", "memory.", ".max", "../memory.max", "a/memory.max",
                          "cgroup.procs", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control"})
    EXPECT_THROW(unified({.unified = {{bad, "1"}}}), Error) << bad;
}

// --- devices -----------------------------------------------------------------------------------------------

Strings v1_writes(const std::vector<oci::DeviceRule>& rules) {
  Strings out;
  for (const Setting& setting : device_settings_v1(rules))
    out.push_back(setting.file.substr(8) + " " + setting.value);
  return out;
}

const oci::DeviceRule kDenyAll{.allow = false, .access = "rwm"};
const oci::DeviceRule kAllowAll{.allow = true, .access = "rwm"};

TEST(DevicesV1, DeniesWhatNoRuleAllows) {
  EXPECT_THAT(v1_writes({}), ElementsAre("deny a"));
  EXPECT_THAT(v1_writes({kDenyAll, {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw"}}),
              ElementsAre("deny a", "allow c 1:3 rw"));
  EXPECT_THAT(v1_writes({kDenyAll, {.allow = true, .type = 'b', .major = 8, .minor = -1, .access = "r"}}),
              ElementsAre("deny a", "allow b 8:* r"))
      << "-1 is 'any', as podman writes it";
}

TEST(DevicesV1, TheLaterRuleWins) {
  EXPECT_THAT(v1_writes({{.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rwm"}, kDenyAll}),
              ElementsAre("deny a"));
  EXPECT_THAT(v1_writes({kAllowAll, {.allow = false, .type = 'c', .major = 1, .minor = 11, .access = "w"}}),
              ElementsAre("allow a", "deny c 1:11 w"));
  EXPECT_THAT(v1_writes({{.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "r"},
                         {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "w"},
                         {.allow = false, .type = 'c', .major = 1, .access = "w"}}),
              ElementsAre("deny a", "allow c 1:3 r"));
  EXPECT_THAT(v1_writes({{.allow = true, .type = 'a', .access = "r"}}),
              ElementsAre("deny a", "allow b *:* r", "allow c *:* r"))
      << "the kernel ignores the access of an 'a' line: it would open everything";
}

TEST(DevicesV1, RefusesWhatTheKernelWouldSilentlyIgnore) {
  EXPECT_THROW(v1_writes({{.allow = true, .type = 'c', .major = 1, .access = "rw"},
                          {.allow = false, .type = 'c', .major = 1, .minor = 11, .access = "w"}}),
               Error);
}

TEST(DevicesV2, StopsAtTheRuleThatDecidesEverything) {
  const size_t alone = device_program({kDenyAll}).size();
  EXPECT_EQ(device_program({{.allow = true, .type = 'c', .major = 1, .access = "rw"}, kDenyAll}).size(),
            alone);
  EXPECT_GT(device_program({kDenyAll, {.allow = true, .type = 'c', .major = 1, .access = "rw"}}).size(),
            alone);
}

// --- the tree ----------------------------------------------------------------------------------------------

// cgroup v2 as plain directories: the files that the kernel would make are put there by the test.
class FakeTree : public testing::Test {
 protected:
  void SetUp() override {
    check(sys::mkdir_at(AT_FDCWD, path_.c_str(), 0700), "mkdir ", path_);
    root_ = check(sys::open_at(AT_FDCWD, path_.c_str(), O_RDONLY | O_DIRECTORY), "open ", path_);
  }
  void TearDown() override { remove_tree(AT_FDCWD, path_); }
  void put(const std::string& name, std::string_view text) {
    write_file_atomic(root_.get(), name, text, 0600, Durability::kRename);
  }
  std::string get(const std::string& name) { return read_file(root_.get(), name, 4096); }

  std::string path_ = testing::TempDir() + "cgroup-unit." + random_hex(6);
  UniqueFd root_;
};

void no_preparation(int, int) {}

TEST_F(FakeTree, EnablesOnlyWhatIsThereAndMissing) {
  put("cgroup.controllers", "cpu memory pids\n");
  put("cgroup.subtree_control", "cpu\n");
  enable_controllers(root_.get(), {"cpu", "memory", "io"});
  EXPECT_EQ(get("cgroup.subtree_control"), "+memory");
}

TEST_F(FakeTree, MakesAndRemovesWithParents) {
  const MadeCgroup first = make_cgroup(root_.get(), "/p/q/one", no_preparation);
  EXPECT_TRUE(first.made);
  const MadeCgroup second = make_cgroup(root_.get(), "/p/q/two", no_preparation);
  EXPECT_FALSE(make_cgroup(root_.get(), "/p/q/two", no_preparation).made);
  EXPECT_TRUE(remove_cgroup(root_.get(), "/p/q/one").ok());
  remove_made_parents(root_.get(), "/p/q/one");
  EXPECT_TRUE(open_cgroup(root_.get(), "/p/q/two").ok());
  EXPECT_TRUE(remove_cgroup(root_.get(), "/p/q/two").ok());
  EXPECT_EQ(remove_cgroup(root_.get(), "/p/q/two").error(), ENOENT);
}

TEST_F(FakeTree, RemovesTheCgroupsInside) {
  (void)make_cgroup(root_.get(), "/c/a/b", no_preparation);
  (void)make_cgroup(root_.get(), "/c/d", no_preparation);
  EXPECT_TRUE(remove_cgroup(root_.get(), "/c").ok());
}

TEST_F(FakeTree, NeverGoesThroughALink) {
  check(sys::symlink_at("/tmp", root_.get(), "out"), "symlink");
  EXPECT_THROW(make_cgroup(root_.get(), "/out/x", no_preparation), Error);
  EXPECT_FALSE(open_cgroup(root_.get(), "/out").ok());
  check(sys::symlink_at("/tmp/x", root_.get(), "memory.max"), "symlink");
  EXPECT_FALSE(write_cgroup_file(root_.get(), "memory.max", "1").ok());
}

TEST_F(FakeTree, IsNotTakenForCgroupfs) {
  EXPECT_THROW(open_cgroup_root(path_, CgroupVersion::kV2), Error);
}

TEST_F(FakeTree, ListsProcessesOfAllLevels) {
  (void)make_cgroup(root_.get(), "/c/a", no_preparation);
  put("c/cgroup.procs", "12\n7\n0\n");
  put("c/a/cgroup.procs", "7\n30\n");
  const UniqueFd dir = check(open_cgroup(root_.get(), "/c"), "open");
  EXPECT_THAT(cgroup_processes(dir.get()), ElementsAre(7, 12, 30));
}

TEST(FlatValue, FindsTheWholeKey) {
  EXPECT_EQ(flat_value("oom 1\noom_kill 2\n", "oom_kill"), "2");
  EXPECT_EQ(flat_value("oom 1\noom_kill 2\n", "oom"), "1");
  EXPECT_EQ(flat_value("oom_kill_disable 0\n", "oom_kill"), "");
}

}  // namespace
}  // namespace crunlite::runtime
