// SPDX-License-Identifier: Apache-2.0
// The systemd cgroup driver without systemd: names, properties, GVariant text and the protocol. With systemd:
// tests/vm/test_systemd.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/gvariant.h"
#include "runtime/cgroup/systemd_properties.h"
#include "runtime/cgroup/systemd_unit.h"
#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// "Name t 5": short enough to compare.
std::vector<std::string> shown(const std::vector<UnitProperty>& properties) {
  std::vector<std::string> out;
  for (const UnitProperty& p : properties)
    out.push_back(cat(p.name, " ", p.signature, " ", json::dump(p.value)));
  return out;
}

template <class Body>
std::string message_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// --- names -------------------------------------------------------------------------------------------------

TEST(SystemdUnit, HasDefaultsForEverything) {
  const SystemdUnit unit = plan_unit("", "web", {});
  EXPECT_EQ(unit.name, "crun-lite-web.scope");
  EXPECT_EQ(unit.slice, "system.slice");
  EXPECT_EQ(plan_unit("", "web", {.user = true}).slice, "user.slice");
}

TEST(SystemdUnit, ReadsWhatCallersWrite) {
  const SystemdUnit podman = plan_unit("machine.slice:libpod:0123", "0123", {});
  EXPECT_EQ(podman.name, "libpod-0123.scope");
  EXPECT_EQ(podman.slice, "machine.slice");
  EXPECT_EQ(plan_unit("::", "web", {}).name, "web.scope") << "no prefix";
  EXPECT_EQ(plan_unit(":docker:", "web", {}).slice, "system.slice");
}

TEST(SystemdUnit, RefusesOtherPaths) {
  EXPECT_THAT(message_of([] { plan_unit("/a/b", "web", {}); }), HasSubstr("slice:prefix:name"));
  EXPECT_THAT(message_of([] { plan_unit("a:b:c:d", "web", {}); }), HasSubstr("slice:prefix:name"));
  EXPECT_THAT(message_of([] { plan_unit("a.slice:b:c.slice", "web", {}); }), HasSubstr("scope"));
  EXPECT_THAT(message_of([] { plan_unit("a:b:c", "web", {}); }), HasSubstr("end in .slice"));
  EXPECT_THAT(message_of([] { plan_unit("::" + std::string(300, 'x'), "web", {}); }), HasSubstr("255"));
}

TEST(SystemdUnit, EscapesWhatAUnitNameCannotHave) {
  EXPECT_EQ(escape_unit_name("a+b/c"), "a\\x2bb\\x2fc");
  EXPECT_EQ(escape_unit_name("a_b.c-1"), "a_b.c-1");
}

TEST(SystemdSlice, EachDashGoesOneDeeper) {
  EXPECT_EQ(slice_path("system.slice"), "/system.slice");
  EXPECT_EQ(slice_path("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  EXPECT_EQ(slice_path("-.slice"), "");
}

TEST(SystemdSlice, RefusesWhatSystemdRefuses) {
  for (const char* bad : {"", ".slice", "a", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice", "a b.slice"})
    EXPECT_THAT(message_of([&] { slice_path(bad); }), HasSubstr("invalid slice name")) << bad;
}

// --- limits ------------------------------------------------------------------------------------------------

TEST(SystemdLimits, OfV2) {
  const Settings settings = {{"memory.max", "67108864"}, {"memory.low", "0"},   {"memory.swap.max", "max"},
                             {"pids.max", "17"},         {"cpu.weight", "100"}, {"io.max", "8:0 rbps=1"}};
  EXPECT_THAT(shown(limit_properties(settings, LimitsOf::kV2)),
              ElementsAre("CPUWeight t 100", "MemoryLow t 0", "MemoryMax t 67108864",
                          "MemorySwapMax t 18446744073709551615", "TasksMax t 17"));
}

TEST(SystemdLimits, OfV1) {
  const Settings settings = {
      {"memory.limit_in_bytes", "67108864"}, {"cpu.shares", "512"},         {"blkio.weight", "300"},
      {"cpu.cfs_period_us", "50000"},        {"cpu.cfs_quota_us", "25000"}, {"cpuset.cpus", "0"}};
  EXPECT_THAT(shown(limit_properties(settings, LimitsOf::kV1)),
              ElementsAre("BlockIOWeight t 300", "CPUShares t 512", "MemoryLimit t 67108864",
                          "CPUQuotaPeriodUSec t 50000", "CPUQuotaPerSecUSec t 500000"));
}

TEST(SystemdLimits, CpuTimeIsRoundedUpToAPercent) {
  EXPECT_THAT(shown(limit_properties({{"cpu.max", "33333 100000"}}, LimitsOf::kV2)),
              ElementsAre("CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 340000"));
  EXPECT_THAT(shown(limit_properties({{"cpu.max", "max 100000"}}, LimitsOf::kV2)),
              ElementsAre("CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 18446744073709551615"));
}

TEST(SystemdLimits, ProcessorsAreABitMask) {
  EXPECT_THAT(shown(limit_properties({{"cpuset.cpus", "0-2, 9"}}, LimitsOf::kV2)),
              ElementsAre("AllowedCPUs ay [7,2]"));
  EXPECT_THAT(limit_properties({{"cpuset.mems", "3-1"}}, LimitsOf::kV2), IsEmpty())
      << "the kernel's to refuse";
  EXPECT_THAT(limit_properties({{"cpuset.cpus", "99999999"}}, LimitsOf::kV2), IsEmpty());
}

TEST(SystemdLimits, NothingThatSystemdWouldRefuse) {
  EXPECT_THAT(limit_properties({{"pids.max", "0"}, {"memory.max", "0"}, {"cpu.weight", "0"}}, LimitsOf::kV2),
              IsEmpty());
}

TEST(SystemdLimits, TheLaterSettingCounts) {
  EXPECT_THAT(shown(limit_properties({{"pids.max", "17"}, {"pids.max", "9"}}, LimitsOf::kV2)),
              ElementsAre("TasksMax t 9"));
}

// --- devices -----------------------------------------------------------------------------------------------

constexpr std::string_view kDevices =
    "Character devices:\n  1 mem\n136 pts\n226 drm\n\nBlock devices:\n  8 sd\n136 other\n";

oci::DeviceRule rule(bool allow, char type, int64_t major, int64_t minor, const char* access = "rwm") {
  oci::DeviceRule out{.allow = allow, .access = access};
  out.type = type;
  if (major >= 0) out.major = major;
  if (minor >= 0) out.minor = minor;
  return out;
}

TEST(SystemdDevices, AreNamedAsSystemdKnowsThem) {
  const std::vector<oci::DeviceRule> rules = {rule(false, 'a', -1, -1),     rule(true, 'c', 1, 3, "rw"),
                                              rule(true, 'c', 136, -1),     rule(true, 'b', 8, -1, "r"),
                                              rule(true, 'c', -1, -1, "m"), rule(true, 'c', 99, -1)};
  EXPECT_THAT(shown(device_properties(rules, kDevices)),
              ElementsAre("DevicePolicy s \"strict\"",
                          "DeviceAllow a(ss) [[\"/dev/char/1:3\",\"rw\"],[\"char-pts\",\"rwm\"],"
                          "[\"block-sd\",\"r\"],[\"char-*\",\"m\"]]"));
}

TEST(SystemdDevices, EverythingNeedsNoPolicy) {
  EXPECT_THAT(shown(device_properties({rule(false, 'a', -1, -1), rule(true, 'a', -1, -1)}, kDevices)),
              ElementsAre("DevicePolicy s \"auto\"", "DeviceAllow a(ss) []"));
}

TEST(SystemdDevices, ALaterRuleTakesBack) {
  EXPECT_THAT(shown(device_properties({rule(true, 'c', 1, 3), rule(false, 'c', 1, 3)}, kDevices)),
              ElementsAre("DevicePolicy s \"strict\"", "DeviceAllow a(ss) []"));
}

// --- annotations -------------------------------------------------------------------------------------------

TEST(SystemdAnnotations, BecomeProperties) {
  EXPECT_THAT(shown(annotated_properties({{"org.systemd.property.CollectMode", "'inactive-or-failed'"},
                                          {"org.systemd.property.TimeoutStopUSec", "uint64 123456789"},
                                          {"org.systemd.property.TimeoutStopSec", "1.5"},
                                          {"org.systemd.property.After", "['a.service', 'b.service']"},
                                          {"other", "not GVariant"}})),
              ElementsAre("After as [\"a.service\",\"b.service\"]", "CollectMode s \"inactive-or-failed\"",
                          "TimeoutStopUSec t 1500000", "TimeoutStopUSec t 123456789"));
}

TEST(SystemdAnnotations, AreRefusedWithTheirName) {
  const auto refused = [](const char* name, const char* value) {
    return message_of([&] { annotated_properties({{cat("org.systemd.property.", name), value}}); });
  };
  EXPECT_THAT(refused("lower", "true"), HasSubstr("is not the name of a systemd property"));
  EXPECT_THAT(refused("A/B", "true"), HasSubstr("is not the name"));
  EXPECT_THAT(refused("KillSignal", "int32"), HasSubstr("org.systemd.property.KillSignal"));
  EXPECT_THAT(refused("TimeoutStopSec", "'long'"), HasSubstr("number of seconds"));
}

struct Text {
  const char* text;
  const char* signature;
  const char* value;
};

TEST(GVariant, Values) {
  constexpr Text kTexts[] = {
      {"true", "b", "true"},
      {" 42 ", "i", "42"},
      {"-7", "i", "-7"},
      {"1.5", "d", "1.5"},
      {"uint64 18446744073709551615", "t", "18446744073709551615"},
      {"byte 255", "y", "255"},
      {"'it\\'s'", "s", "\"it's\""},
      {"\"x\"", "s", "\"x\""},
      {"objectpath '/a'", "o", "\"/a\""},
      {"[1, 2]", "ai", "[1,2]"},
      {"@as []", "as", "[]"},
      {"@at [1,2]", "at", "[1,2]"},
      {"[['a'], ['b']]", "aas", "[[\"a\"],[\"b\"]]"},
      {"('a', uint32 1)", "(su)", "[\"a\",1]"},
      {"[('/dev/null', 'rw')]", "a(ss)", "[[\"/dev/null\",\"rw\"]]"},
  };
  for (const Text& row : kTexts) {
    const GVariant value = parse_gvariant(row.text);
    EXPECT_EQ(value.signature, row.signature) << row.text;
    EXPECT_EQ(json::dump(value.value), row.value) << row.text;
  }
}

TEST(GVariant, RefusesWhatIsNone) {
  for (const char* bad : {"", "word", "'open", "[1, 2", "[1, 'a']", "[]", "byte 256", "uint32 -1", "1 2",
                          "@t 'a'", "@as", "(1", "99999999999", "{'a': 1}", "1.x", "[[[[[[[[[[1]]]]]]]]]]"})
    EXPECT_THAT(message_of([&] { parse_gvariant(bad); }), HasSubstr("not a GVariant")) << bad;
}

// --- between the two programs ------------------------------------------------------------------------------

TEST(SystemdProtocol, CarriesARequestAndAReply) {
  const UnitRequest request = decode_request(encode_request({.operation = UnitOperation::kStart,
                                                             .addresses = {"unix:path=/x"},
                                                             .unit = "a.scope",
                                                             .pid = 0,
                                                             .properties = {{"TasksMax", "t", UINT64_MAX}}}));
  EXPECT_EQ(request.operation, UnitOperation::kStart);
  EXPECT_THAT(request.addresses, ElementsAre("unix:path=/x"));
  EXPECT_EQ(request.unit, "a.scope");
  EXPECT_THAT(shown(request.properties), ElementsAre("TasksMax t 18446744073709551615"));
  const UnitReply reply = decode_reply(encode_reply({.error = "no", .exists = true, .cgroup = "/a"}));
  const UnitRequest attach = decode_request(
      encode_request({.operation = UnitOperation::kAttach, .unit = "a.scope", .pid = 7, .inside = "/b"}));
  EXPECT_EQ(attach.operation, UnitOperation::kAttach);
  EXPECT_EQ(attach.pid, 7);
  EXPECT_EQ(attach.inside, "/b");
  const UnitRequest stop = decode_request(
      encode_request({.operation = UnitOperation::kStop, .unit = "a.scope", .slice = "b.slice"}));
  EXPECT_EQ(stop.operation, UnitOperation::kStop);
  EXPECT_EQ(stop.slice, "b.slice");
  EXPECT_EQ(reply.error, "no");
  EXPECT_TRUE(reply.exists);
  EXPECT_FALSE(reply.unreachable);
  EXPECT_EQ(reply.cgroup, "/a");
}

TEST(SystemdProtocol, RefusesEverythingElse) {
  EXPECT_THAT(message_of([] { decode_request("{}"); }), HasSubstr("request"));
  EXPECT_THAT(message_of([] {
                decode_request(R"({"version":3,"operation":"reboot","addresses":[],"unit":"","pid":0})");
              }),
              HasSubstr("reboot"));
  EXPECT_THAT(message_of([] { decode_reply("no json"); }), HasSubstr("reply"));
}

TEST(SystemdPlan, IsKeptInTheRecord) {
  CgroupPlan plan{.manager = CgroupManager::kSystemd, .id = "web", .owner = "/run/x/web"};
  plan.systemd = plan_unit("a-b.slice:p:n", "web",
                           {.helper = "/x/crun-lite-systemd", .user = true, .addresses = {"unix:path=/b"}});
  plan.systemd->subgroup = "/container";
  plan.rootless = true;
  const json::Value document = encode_cgroup_plan(plan);
  std::vector<std::string> problems;
  const CgroupPlan back = decode_cgroup_plan(json::Reader(document, problems));
  EXPECT_THAT(problems, IsEmpty());
  ASSERT_TRUE(back.systemd);
  EXPECT_EQ(back.systemd->name, "p-n.scope");
  EXPECT_EQ(back.systemd->slice, "a-b.slice");
  EXPECT_EQ(back.systemd->subgroup, "/container");
  EXPECT_EQ(back.systemd->access.helper, "/x/crun-lite-systemd");
  EXPECT_TRUE(back.systemd->access.user);
  EXPECT_THAT(back.systemd->access.addresses, ElementsAre("unix:path=/b"));
  EXPECT_TRUE(back.rootless);
}

}  // namespace
}  // namespace crunlite::runtime
