// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "rootfs/layer_merge.h"
#include "rootfs/layer_meta.h"
#include "rootfs/layer_plan.h"

namespace crunlite::rootfs {
namespace {

using archive::EntryKind;
using archive::TarEntry;
using testing::ElementsAre;

EntryPlan plan(const std::string& path, EntryKind kind = EntryKind::kFile, const std::string& target = "") {
  TarEntry entry{.kind = kind, .path = path, .link_target = target};
  return plan_entry(entry);
}

TEST(LayerPlan, NamesAreNormalized) {
  for (const char* name : {"a/b", "/a/b", "./a//b/", "//a/./b"}) {
    EXPECT_EQ(plan(name).path.parent, "a") << name;
    EXPECT_EQ(plan(name).path.name, "b") << name;
  }
  for (const char* name : {"", ".", "/", "./"})
    EXPECT_EQ(plan(name, EntryKind::kDirectory).action, EntryAction::kRoot) << name;
}

TEST(LayerPlan, RefusesWhatLeavesTheRootOrTheRules) {
  for (const char* name : {"..", "../a", "a/../../b", "a/..", ".wh.", ".wh..", ".wh...", "a/.wh.", ".wh.x/y"})
    EXPECT_THROW(plan(name), Error) << name;
  EXPECT_THROW(plan(std::string(256, 'x')), Error);
  EXPECT_THROW(plan(std::string("a\0b", 3)), Error);
  EXPECT_THROW(plan(".", EntryKind::kSymlink, "/etc"), Error);
  EXPECT_THROW(plan("a", EntryKind::kHardLink, "a"), Error);
  EXPECT_THROW(plan("a", EntryKind::kHardLink, "../b"), Error);
  EXPECT_THROW(plan("a", EntryKind::kHardLink, "/"), Error);
  EXPECT_THROW(plan("a", EntryKind::kCharDevice), Error);
}

TEST(LayerPlan, RecognisesWhiteouts) {
  EXPECT_EQ(plan("a/.wh.b").action, EntryAction::kWhiteout);
  EXPECT_EQ(plan("a/.wh.b").path.full(), "a/b");
  EXPECT_EQ(plan("a/.wh..wh..opq").action, EntryAction::kOpaque);
  EXPECT_EQ(plan("a/.wh..wh..opq").path.parent, "a");
  EXPECT_EQ(plan(".wh..wh.plnk/12.34").action, EntryAction::kSkip);
  EXPECT_EQ(plan(".wh...x").path.name, "..x");
}

TEST(LayerPlan, TakesOutWhatWouldSteerTheHost) {
  TarEntry entry{.path = "f",
                 .xattrs = {{"user.a", "1"},
                            {"trusted.overlay.opaque", "y"},
                            {"user.overlay.redirect", "/x"},
                            {"security.selinux", "x"},
                            {"security.capability", "x"}}};
  const EntryPlan planned = plan_entry(entry);
  EXPECT_THAT(entry.xattrs,
              ElementsAre(testing::Pair("user.a", "1"), testing::Pair("security.capability", "x")));
  EXPECT_EQ(planned.warnings.size(), 3u);
}

TEST(LayerMeta, KeepsNamesThatAreNotText) {
  const LayerMeta meta{.diff_id = "sha256:x", .size = 5, .implicit_dirs = {"", "caf\xe9/100%", "a b"}};
  const LayerMeta again = decode_layer_meta(encode_layer_meta(meta), "meta");
  EXPECT_EQ(again.implicit_dirs, meta.implicit_dirs);
  EXPECT_EQ(again.size, 5u);
}

TEST(EffectiveLayers, ARepeatedLayerCountsOnceAndOpaqueRootsHide) {
  const LayerMeta a{.diff_id = "a"};
  const LayerMeta b{.diff_id = "b"};
  const LayerMeta opaque{.diff_id = "o", .opaque_root = true};
  EXPECT_THAT(effective_layers({&a, &b, &a}), ElementsAre(0, 1));
  EXPECT_THAT(effective_layers({&a, &opaque, &b}), ElementsAre(0, 1));
  EXPECT_TRUE(effective_layers({}).empty());
}

}  // namespace
}  // namespace crunlite::rootfs
