// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt on a directory tree that looks like resctrl.
#include "runtime/rdt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RdtSchemata, BandwidthIsSaidOnce) {
  EXPECT_THAT(rdt_schemata({.l3_cache_schema = "L3:0=7f0;1=1f", .mem_bw_schema = "MB:0=20;1=70"}),
              ElementsAre("L3:0=7f0;1=1f", "MB:0=20;1=70"));
  EXPECT_THAT(rdt_schemata({.l3_cache_schema = "MB:0=10\nL3:0=f\n", .mem_bw_schema = "MB:0=20"}),
              ElementsAre("L3:0=f", "MB:0=20"))
      << "config-linux.md: then the MB line of l3CacheSchema does not count";
  EXPECT_THAT(rdt_schemata({.l3_cache_schema = "MB:0=10\nL3:0=f\n"}), ElementsAre("MB:0=10", "L3:0=f"));
  EXPECT_THAT(rdt_schemata({.schemata = {"L2:0=f", "L3CODE:0=1\nL3DATA:0=2"}}),
              ElementsAre("L2:0=f", "L3CODE:0=1", "L3DATA:0=2"));
}

TEST(RdtSchemata, AreComparedByDomain) {
  const std::string present = "    L3:0=00ff;1=0f\n    MB:0=100;1=70\n";
  EXPECT_TRUE(rdt_schemata_match(present, {}));
  EXPECT_TRUE(rdt_schemata_match(present, {"L3:0=FF", "MB:1=70;0=100"}));
  EXPECT_FALSE(rdt_schemata_match(present, {"L3:0=f"}));
  EXPECT_FALSE(rdt_schemata_match(present, {"L3:2=f"}));
  EXPECT_FALSE(rdt_schemata_match(present, {"L2:0=f"}));
}

TEST(RdtPlan, IsEmptyWithoutTheSection) {
  const Proc none;  // nothing is read
  EXPECT_FALSE(plan_rdt(std::nullopt, "web", none).used());
}

TEST(RdtPlan, FindsTheMount) {
  EXPECT_EQ(resctrl_mount("30 20 0:9 / /sys/fs/resctrl rw - resctrl resctrl rw\n"), "/sys/fs/resctrl");
  EXPECT_EQ(resctrl_mount("30 20 0:9 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"), std::nullopt);
}

class RdtTest : public testing::Test {
 protected:
  void SetUp() override {
    make("");
    make("/old");
    put("/old/schemata", "    L3:0=f;1=f\n");
  }
  void TearDown() override { remove_tree(AT_FDCWD, root_); }

  void make(const std::string& path) {
    check(sys::mkdir_at(AT_FDCWD, (root_ + path).c_str(), 0700), "mkdir ", path);
    check(sys::mkdir_at(AT_FDCWD, (root_ + path + "/mon_groups").c_str(), 0700), "mkdir ", path);
    for (const char* file : {"/tasks", "/schemata"}) put(path + file, "");
  }
  void put(const std::string& path, std::string_view text) {
    write_file_atomic(AT_FDCWD, root_ + path, text, 0600, Durability::kRename);
  }
  std::string get(const std::string& path) { return read_file(AT_FDCWD, root_ + path, 4096); }
  bool exists(const std::string& path) { return sys::stat_at(AT_FDCWD, (root_ + path).c_str(), 0).ok(); }

  // What the kernel does at mkdir.
  static void populate(int dir) {
    check(sys::mkdir_at(dir, "mon_groups", 0700), "mkdir mon_groups");
    for (const char* file : {"tasks", "schemata"})
      write_file_atomic(dir, file, "", 0600, Durability::kRename);
  }
  // And at rmdir: a group goes with its files.
  void empty(const std::string& path) {
    const UniqueFd dir =
        check(sys::open_at(AT_FDCWD, (root_ + path).c_str(), O_RDONLY | O_DIRECTORY), "open");
    for (const char* name : {"mon_groups", "tasks", "schemata"}) remove_tree(dir.get(), name);
  }

  const std::string root_ = testing::TempDir() + "resctrl." + random_hex(6);
};

TEST_F(RdtTest, WithoutANameTheClassIsTheContainers) {
  const oci::IntelRdt rdt{.l3_cache_schema = "L3:0=f", .enable_monitoring = true};
  const RdtPlan plan = plan_rdt_at(root_, rdt, "web");
  EXPECT_FALSE(plan.class_existed);
  Rdt group = Rdt::create(plan, rdt, populate);
  group.join(42);
  EXPECT_EQ(get("/web/schemata"), "L3:0=f\n");
  EXPECT_EQ(get("/web/tasks"), "42");
  EXPECT_EQ(get("/web/mon_groups/web/tasks"), "42");
  group.keep();
  put("/web/schemata", "    L3:0=f\n    MB:0=90\n");
  EXPECT_EQ(json::dump(rdt_stats({.root = root_, .id = "web", .class_name = "web"})),
            R"({"l3_cache_schema":"L3:0=f","mem_bw_schema":"MB:0=90"})");
  EXPECT_EQ(update_rdt(plan, {"L3:0=1"}), "    L3:0=f\n    MB:0=90\n");
  EXPECT_EQ(get("/web/schemata"), "L3:0=1\n");
  empty("/web/mon_groups/web");
  remove_rdt({.root = root_, .id = "web", .class_name = "web", .class_existed = true, .monitoring = true});
  EXPECT_FALSE(exists("/web/mon_groups/web"));
  empty("/web");
  remove_rdt(plan);
  EXPECT_FALSE(exists("/web"));
  remove_rdt(plan);  // gone already: fine
}

TEST_F(RdtTest, AClassThatIsThereIsUsedAndStays) {
  const oci::IntelRdt rdt{.clos_id = "old", .l3_cache_schema = "L3:0=0f"};
  const RdtPlan plan = plan_rdt_at(root_, rdt, "web");
  EXPECT_TRUE(plan.class_existed);
  {
    const Rdt group = Rdt::create(plan, rdt, populate);
    group.join(42);
  }
  EXPECT_EQ(get("/old/tasks"), "42");
  EXPECT_EQ(get("/old/schemata"), "    L3:0=f;1=f\n");
  EXPECT_TRUE(exists("/old"));
}

TEST_F(RdtTest, AFurtherProcessJoinsWhatIsThere) {
  RdtPlan plan{.root = root_, .id = "web", .class_name = "old", .class_existed = true, .monitoring = true};
  enter_rdt(plan, 43);  // its monitoring group was removed
  EXPECT_EQ(get("/old/tasks"), "43");
  make("/old/mon_groups/web");
  enter_rdt(plan, 44);
  EXPECT_EQ(get("/old/tasks"), "44");
  EXPECT_EQ(get("/old/mon_groups/web/tasks"), "44");
  plan.class_name = "gone";
  enter_rdt(plan, 45);
  EXPECT_FALSE(exists("/gone"));
  enter_rdt({}, 46);  // a container without intelRdt
}

TEST_F(RdtTest, OfTwoThatWantToMakeAClassOneMayRemoveIt) {
  const oci::IntelRdt rdt{.clos_id = "new", .l3_cache_schema = "L3:0=f"};
  const RdtPlan first = plan_rdt_at(root_, rdt, "a");
  const RdtPlan second = plan_rdt_at(root_, rdt, "b");
  Rdt makes = Rdt::create(first, rdt, populate);
  Rdt uses = Rdt::create(second, rdt, populate);
  EXPECT_FALSE(makes.made().class_existed);
  EXPECT_TRUE(uses.made().class_existed);
  makes.keep();
  uses.keep();
}

TEST_F(RdtTest, OtherSchemataThanTheClassHasAreAnError) {
  const oci::IntelRdt rdt{.clos_id = "old", .l3_cache_schema = "L3:0=1"};
  EXPECT_THROW(Rdt::create(plan_rdt_at(root_, rdt, "web"), rdt, populate), Error);
  EXPECT_TRUE(exists("/old"));
}

TEST_F(RdtTest, AMissingClassNeedsASchema) {
  EXPECT_THROW(plan_rdt_at(root_, {.clos_id = "new"}, "web"), Error);
  EXPECT_FALSE(plan_rdt_at(root_, {.clos_id = "new", .schemata = {"L3:0=f"}}, "web").class_existed);
}

TEST_F(RdtTest, TheRootClassIsASlash) {
  const oci::IntelRdt rdt{.clos_id = "/", .enable_monitoring = true};
  const RdtPlan plan = plan_rdt_at(root_, rdt, "web");
  Rdt group = Rdt::create(plan, rdt, populate);
  group.join(7);
  EXPECT_EQ(get("/tasks"), "7");
  EXPECT_TRUE(exists("/mon_groups/web"));
  group.keep();
}

TEST_F(RdtTest, NamesThatAreNoNamesAreRefused) {
  for (const char* bad : {".", "..", "a/b", "../x", "info", "mon_groups"})
    EXPECT_THROW(plan_rdt_at(root_, {.clos_id = bad, .l3_cache_schema = "L3:0=f"}, "web"), Error) << bad;
}

TEST_F(RdtTest, SurvivesTheRecord) {
  const RdtPlan plan{
      .root = root_, .id = "web", .class_name = "x", .class_existed = true, .monitoring = true};
  const json::Value document = encode_rdt_plan(plan);
  std::vector<std::string> problems;
  EXPECT_EQ(json::dump(encode_rdt_plan(decode_rdt_plan(json::Reader(document, problems)))),
            json::dump(document));
}

TEST_F(RdtTest, UpdateNeedsAClass) {
  try {
    update_rdt({}, {"L3:0=f"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("intelRdt"));
  }
}

}  // namespace
}  // namespace crunlite::runtime
