// SPDX-License-Identifier: Apache-2.0
// The controllers beyond memory, CPU and processes: which files get which values (config-linux.md, Control
// groups), and how an update is taken back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup/delegate.h"
#include "runtime/cgroup/devices.h"
#include "runtime/cgroup/settings.h"
#include "runtime/cgroup/writer.h"

namespace crunlite::runtime {

inline void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.file << "=" << setting.value << (setting.optional ? "?" : "");
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CurrentValue files(std::map<std::string, std::string> content) {
  return [content = std::move(content)](const std::string& file) -> std::optional<std::string> {
    const auto found = content.find(file);
    return found == content.end() ? std::nullopt : std::optional(found->second);
  };
}

const CurrentValue kNothing = files({});

// "file value" of each write.
std::vector<std::string> writes(const Settings& settings) {
  std::vector<std::string> out;
  for (const Setting& setting : settings) out.push_back(cat(setting.file, " ", setting.value));
  return out;
}

// --- block devices -----------------------------------------------------------------------------------------

const oci::Resources kBlockIo{.block_io = {.weight = 500,
                                           .weight_device = {{.major = 8, .minor = 0, .weight = 10},
                                                             {.major = 8, .minor = 16, .weight = 1000}},
                                           .read_bps = {{8, 0, 1000}},
                                           .write_bps = {{8, 0, 2000}},
                                           .read_iops = {{8, 0, 30}},
                                           .write_iops = {{8, 0, 0}}}};

TEST(IoWeight, MapsTheEndsAndTheDefault) {
  const std::map<uint16_t, uint64_t> expected = {{10, 1}, {11, 11}, {100, 910}, {500, 4950}, {1000, 10'000}};
  for (const auto& [blkio, io] : expected) EXPECT_EQ(io_weight_from_blkio(blkio), io) << blkio;
  EXPECT_THROW(io_weight_from_blkio(9), Error);
  EXPECT_THROW(io_weight_from_blkio(1001), Error);
}

TEST(CgroupBlockIo, V1TakesTheNamesThatTheKernelHas) {
  EXPECT_THAT(
      writes(blkio_v1(kBlockIo, kNothing)),
      ElementsAre("blkio.bfq.weight 500", "blkio.bfq.weight_device 8:0 10",
                  "blkio.bfq.weight_device 8:16 1000", "blkio.throttle.read_bps_device 8:0 1000",
                  "blkio.throttle.write_bps_device 8:0 2000", "blkio.throttle.read_iops_device 8:0 30",
                  "blkio.throttle.write_iops_device 8:0 0"));
  const CurrentValue cfq = files({{"blkio.weight", "500\n"}, {"blkio.weight_device", ""}});
  EXPECT_THAT(
      writes(blkio_v1({.block_io = {.weight = 20,
                                    .leaf_weight = 30,
                                    .weight_device = {{.major = 8, .weight = 40, .leaf_weight = 50}}}},
                      cfq)),
      ElementsAre("blkio.weight 20", "blkio.leaf_weight 30", "blkio.weight_device 8:0 40",
                  "blkio.leaf_weight_device 8:0 50"));
  EXPECT_THAT(blkio_v1({.block_io = {.weight = 0, .leaf_weight = 0}}, kNothing), IsEmpty())
      << "dockerd writes 0 for what nobody set";
}

TEST(CgroupBlockIo, V2TakesBfqsScaleOrConverts) {
  EXPECT_THAT(writes(io_v2(kBlockIo, files({{"io.bfq.weight", "default 100\n"}}))),
              ElementsAre("io.bfq.weight default 500", "io.bfq.weight 8:0 10", "io.bfq.weight 8:16 1000",
                          "io.max 8:0 rbps=1000", "io.max 8:0 wbps=2000", "io.max 8:0 riops=30",
                          "io.max 8:0 wiops=max"));
  EXPECT_THAT(
      writes(io_v2({.block_io = {.weight = 500, .weight_device = {{.major = 8, .weight = 10}}}}, kNothing)),
      ElementsAre("io.weight default 4950", "io.weight 8:0 1"));
  EXPECT_THAT(io_v2({.block_io = {.weight = 0}}, kNothing), IsEmpty());
  EXPECT_THROW(io_v2({.block_io = {.leaf_weight = 10}}, kNothing), Error);
  EXPECT_THROW(io_v2({.block_io = {.weight = 5}}, kNothing), Error);
}

// --- huge pages, network, rdma -----------------------------------------------------------------------------

TEST(CgroupHugetlb, LimitsReservationsToo) {
  const oci::Resources limits{.hugepage_limits = {{.page_size = "2MB", .limit = 4 << 20}}};
  EXPECT_THAT(hugetlb_v1(limits, kNothing),
              ElementsAre(Setting{"hugetlb.2MB.limit_in_bytes", "4194304"},
                          Setting{"hugetlb.2MB.rsvd.limit_in_bytes", "4194304", true}));
  EXPECT_THAT(hugetlb_v2(limits, kNothing), ElementsAre(Setting{"hugetlb.2MB.max", "4194304"},
                                                        Setting{"hugetlb.2MB.rsvd.max", "4194304", true}));
}

TEST(CgroupNetwork, IsOfV1) {
  const oci::Resources network{.network_class_id = 0x100001,
                               .network_priorities = {{"lo", 1}, {"eth0", 1000}}};
  EXPECT_THAT(writes(net_cls_v1(network, kNothing)), ElementsAre("net_cls.classid 1048577"));
  EXPECT_THAT(writes(net_prio_v1(network, kNothing)),
              ElementsAre("net_prio.ifpriomap lo 1", "net_prio.ifpriomap eth0 1000"));
  EXPECT_THROW(network_v2(network, kNothing), Error);
  EXPECT_THAT(network_v2({.network_class_id = 0}, kNothing), IsEmpty());
  EXPECT_TRUE(net_cls_v1({.network_class_id = 0}, kNothing).at(0).optional);
}

TEST(CgroupRdma, OneLinePerDevice) {
  EXPECT_THAT(
      writes(rdma({.rdma = {{"mlx5_1", {.hca_handles = 3, .hca_objects = 10000}},
                            {"mlx4_0", {.hca_objects = 1000}},
                            {"rxe3", {}}}},
                  kNothing)),
      ElementsAre("rdma.max mlx4_0 hca_object=1000", "rdma.max mlx5_1 hca_handle=3 hca_object=10000"));
}

// --- memory ------------------------------------------------------------------------------------------------

TEST(CgroupMemory, V2KeepsTheSumWhenTheLimitAloneChanges) {
  const CurrentValue now = files({{"memory.max", "100\n"}, {"memory.swap.max", "200\n"}});
  EXPECT_THAT(writes(memory_v2({.memory = {.limit = 150}}, now)),
              ElementsAre("memory.swap.max 150", "memory.max 150"));
  EXPECT_THAT(writes(memory_v2({.memory = {.limit = 50}}, now)),
              ElementsAre("memory.swap.max 250", "memory.max 50"));
  EXPECT_THROW(memory_v2({.memory = {.limit = 301}}, now), Error);
  EXPECT_THAT(writes(memory_v2({.memory = {.limit = 301, .swap = 400}}, now)),
              ElementsAre("memory.swap.max 99", "memory.max 301"));
  const CurrentValue unlimited = files({{"memory.max", "100\n"}, {"memory.swap.max", "max\n"}});
  EXPECT_THAT(writes(memory_v2({.memory = {.limit = 150}}, unlimited)), ElementsAre("memory.max 150"));
}

TEST(CgroupMemory, OldKernelLimitsAreHarmless) {
  const oci::Resources old{.memory = {.kernel = 100, .kernel_tcp = 200, .use_hierarchy = false}};
  EXPECT_THAT(memory_v1(old, kNothing),
              ElementsAre(Setting{"memory.kmem.tcp.limit_in_bytes", "200", /*optional=*/true}));
  EXPECT_THAT(memory_v2(old, kNothing), IsEmpty());
}

// --- devices, later ----------------------------------------------------------------------------------------

TEST(DevicesV1, AnUpdateWritesTheDifference) {
  const std::vector<oci::DeviceRule> rules = {
      {.allow = false, .access = "rwm"},
      {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rwm"},
      {.allow = true, .type = 'c', .major = 5, .minor = 0, .access = "rw"},
      {.allow = true, .type = 'b', .major = 8, .minor = -1, .access = "r"}};
  EXPECT_THAT(writes(device_settings_v1(rules, "c 1:3 rwm\nc 5:0 rwm\nc 10:200 rw\n")),
              ElementsAre("devices.deny c 5:0 m", "devices.deny c 10:200 rw", "devices.allow b 8:* r"));
  EXPECT_THAT(writes(device_settings_v1(rules, "c 1:3 rwm\nc 5:0 rw\nb 8:* r\n")), IsEmpty());
  EXPECT_EQ(device_settings_v1(rules, "a *:* rwm\n").at(0).value, "a") << "the kernel shows no exceptions";
  EXPECT_THAT(writes(device_settings_v1({{.allow = true, .access = "rwm"}}, "c 1:3 rwm\n")),
              ElementsAre("devices.allow a"));
}

// --- taking back -------------------------------------------------------------------------------------------

TEST(ValueBefore, IsWhatTheFileHeld) {
  EXPECT_EQ(value_before({"cpu.max", "1 2"}, "max 100000\n"), "max 100000");
  EXPECT_EQ(value_before({"cpuset.cpus", "0"}, "\n"), "\n");
  EXPECT_EQ(value_before({"memory.oom_control", "1"}, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"), "0");
  const std::string absent = "rbps=max wbps=max riops=max wiops=max";
  const Setting io{.file = "io.max", .value = "8:16 rbps=5", .absent = absent};
  EXPECT_EQ(value_before(io, "8:0 rbps=1 wbps=max\n8:16 rbps=2 wbps=3\n"), "8:16 rbps=2 wbps=3");
  EXPECT_EQ(value_before(io, "8:1 rbps=1\n"), "8:16 " + absent);
  EXPECT_EQ(value_before({"misc.something", "1"}, "a 1\nb 2\n"), "") << "cannot be said";
}

class WriterTest : public testing::Test {
 protected:
  void SetUp() override {
    check(sys::mkdir_at(AT_FDCWD, path_.c_str(), 0700), "mkdir ", path_);
    dir_ = check(sys::open_at(AT_FDCWD, path_.c_str(), O_RDONLY | O_DIRECTORY), "open ", path_);
    for (const auto& [name, text] : {std::pair("cpu.weight", "100\n"), std::pair("cpu.max", "max 100000\n")})
      write_file_atomic(dir_.get(), name, text, 0600, Durability::kRename);
  }
  void TearDown() override { remove_tree(AT_FDCWD, path_); }
  std::string get(const char* name) { return read_file(dir_.get(), name, 4096); }

  std::string path_ = testing::TempDir() + "cgroup-writer." + random_hex(6);
  UniqueFd dir_;
  const CgroupHierarchy where_{.v2 = true, .mount_point = "/sys/fs/cgroup", .path = "/web"};
};

TEST_F(WriterTest, TakesBackWhatItWrote) {
  SettingWriter writer(SettingWriter::Undo::kYes);
  writer.write(dir_.get(), where_, "cpu", {{"cpu.weight", "59"}, {"cpu.max", "1000 2000"}});
  EXPECT_EQ(get("cpu.weight"), "59");
  try {
    writer.write(dir_.get(), where_, "hugetlb", {{"hugetlb.3MB.max", "1"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/sys/fs/cgroup/web"));
    EXPECT_THAT(error.what(), HasSubstr("hugetlb.3MB.max"));
    EXPECT_THAT(error.what(), Not(HasSubstr("o such file or directory")));
    EXPECT_THAT(error.remedy(), HasSubstr("cgroup.controllers"));
  }
  EXPECT_EQ(writer.take_back(), "nothing was changed");
  EXPECT_EQ(get("cpu.weight"), "100");
  EXPECT_EQ(get("cpu.max"), "max 100000");
}

TEST_F(WriterTest, SaysWhatItCouldNotTakeBack) {
  SettingWriter writer(SettingWriter::Undo::kYes);
  writer.write(dir_.get(), where_, "cpu", {{"cpu.weight", "59"}, {"cpu.max", "1000 2000"}});
  check(sys::unlink_at(dir_.get(), "cpu.weight"), "unlink");
  EXPECT_THAT(writer.take_back(), HasSubstr("cpu.weight"));
  EXPECT_EQ(get("cpu.max"), "max 100000");
}

// --- delegation --------------------------------------------------------------------------------------------

oci::Spec delegating() {
  oci::Spec spec;
  spec.process = oci::Process{.user = {.uid = 5}};
  spec.mounts = {{.destination = "/sys/fs/cgroup", .type = "cgroup", .source = "cgroup", .options = {"rw"}}};
  spec.linux.namespaces = {{oci::NamespaceType::kUser, ""}, {oci::NamespaceType::kCgroup, ""}};
  spec.linux.uid_mappings = {{0, 100'000, 5}, {5, 200'000, 10}};
  return spec;
}

TEST(CgroupOwner, IsTheProcessWhenEverythingIsThere) {
  EXPECT_EQ(cgroup_owner(delegating()), 200'000u);
  oci::Spec spec = delegating();
  spec.process->user.uid = 4;
  EXPECT_EQ(cgroup_owner(spec), 100'004u);
  spec.process->user.uid = 15;
  EXPECT_EQ(cgroup_owner(spec), std::nullopt) << "not mapped";
}

TEST(CgroupOwner, IsNobodyWhenAConditionIsMissing) {
  oci::Spec read_only = delegating();
  read_only.mounts[0].options = {"nosuid", "ro"};
  EXPECT_EQ(cgroup_owner(read_only), std::nullopt);
  oci::Spec no_mount = delegating();
  no_mount.mounts.clear();
  EXPECT_EQ(cgroup_owner(no_mount), std::nullopt);
  oci::Spec joined = delegating();
  joined.linux.namespaces[1].path = "/proc/1/ns/cgroup";
  EXPECT_EQ(cgroup_owner(joined), std::nullopt);
  oci::Spec no_user = delegating();
  no_user.linux.namespaces.erase(no_user.linux.namespaces.begin());
  EXPECT_EQ(cgroup_owner(no_user), std::nullopt);
}

TEST(CgroupOwner, OwnsWhatTheKernelLists) {
  EXPECT_THAT(delegated_files("cgroup.procs\nmemory.oom.group\n"),
              ElementsAre("cgroup.procs", "memory.oom.group"));
  EXPECT_THAT(delegated_files(""), ElementsAre("cgroup.procs", "cgroup.subtree_control", "cgroup.threads"));
  EXPECT_THAT(delegated_files("../x\n"), Not(testing::Contains("../x")));
}

}  // namespace
}  // namespace crunlite::runtime
