// SPDX-License-Identifier: Apache-2.0
// Layers and overlays on the real kernel, in a mount namespace of the test's own.
#include "rootfs/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"
#include "rootfs/attributes.h"
#include "rootfs/layer_merge.h"
#include "rootfs/layer_tree.h"

namespace crunlite::rootfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OverlayTest : public testing::TestWithParam<OverlayOptions::Api> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    check(sys::unshare(CLONE_NEWNS), "unshare");
    check(sys::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make / private");
    check(sys::mkdir_at(AT_FDCWD, root_.c_str(), 0700), "mkdir");
    // A file system of its own: the machine's may itself be an overlay.
    check(sys::mount("test", root_.c_str(), "tmpfs", 0, nullptr), "mount tmpfs");
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    (void)sys::umount(root_.c_str(), MNT_DETACH);
    (void)sys::unlink_at(AT_FDCWD, root_.c_str(), AT_REMOVEDIR);
  }

  std::string dir(const std::string& name) {
    const std::string path = root_ + "/" + name;
    make_own_dirs(path, 0755);
    return path;
  }
  void file(const std::string& name, const std::string& content) {
    dir(name.substr(0, name.rfind('/')));
    write_file_atomic(AT_FDCWD, root_ + "/" + name, content, 0644, Durability::kRename);
  }
  OverlayOptions options(std::vector<std::string> lowers) {
    return {.lowers = std::move(lowers),
            .upper = root_ + "/upper",
            .work = root_ + "/work",
            .target = dir("merged"),
            .api = GetParam()};
  }
  std::vector<std::string> merged() { return list_dir(AT_FDCWD, root_ + "/merged"); }

  const std::string root_ = cat("/tmp/crl.overlay.", random_hex(8));
};

INSTANTIATE_TEST_SUITE_P(Api, OverlayTest,
                         testing::Values(OverlayOptions::Api::kAuto, OverlayOptions::Api::kMountSyscall));

TEST_P(OverlayTest, ShowsLayersUppermostFirstAndHidesWhiteouts) {
  file("low/a", "low");
  file("low/gone", "low");
  file("high/a", "high");
  check(sys::mknod_at(AT_FDCWD, (root_ + "/high/gone").c_str(), S_IFCHR, makedev(0, 0)), "whiteout");
  const OverlayOptions wanted = options({root_ + "/high", root_ + "/low"});
  make_upper(wanted);
  {
    const OverlayMount mount = OverlayMount::mount(wanted);
    EXPECT_THAT(merged(), ElementsAre("a"));
    EXPECT_EQ(read_file(AT_FDCWD, mount.target() + "/a", 100), "high");
    write_file_atomic(AT_FDCWD, mount.target() + "/new", "x", 0644, Durability::kRename);
  }
  EXPECT_THAT(merged(), IsEmpty()) << "not unmounted";
  EXPECT_THAT(list_dir(AT_FDCWD, root_ + "/upper"), ElementsAre("new"));
}

TEST_P(OverlayTest, NamesWithSeparatorsAreNames) {
  file("a:b,c\\d/x", "1");
  file("e/y", "1");
  const OverlayOptions wanted = options({root_ + "/a:b,c\\d", root_ + "/e"});
  make_upper(wanted);
  const OverlayMount mount = OverlayMount::mount(wanted);
  EXPECT_THAT(merged(), ElementsAre("x", "y"));
}

TEST_P(OverlayTest, TakesHundredsOfLayers) {
  std::vector<std::string> lowers;
  for (int i = 0; i < 300; ++i) {
    file(cat(std::string(40, 'l'), i, "/f", i), "x");
    lowers.push_back(cat(root_, "/", std::string(40, 'l'), i));
  }
  const OverlayOptions wanted = options(lowers);
  make_upper(wanted);
  const OverlayMount mount = OverlayMount::mount(wanted);
  EXPECT_EQ(merged().size(), 300u);
}

TEST_P(OverlayTest, TheRootLooksLikeTheUppermostLayer) {
  const std::string low = dir("low");
  check(sys::chmod_at(AT_FDCWD, low.c_str(), 0711), "chmod");
  check(sys::chown_at(AT_FDCWD, low.c_str(), 5, 6), "chown");
  const OverlayOptions wanted = options({low, dir("other")});
  make_upper(wanted);
  const OverlayMount mount = OverlayMount::mount(wanted);
  const struct stat st = check(sys::stat_at(AT_FDCWD, mount.target().c_str(), 0), "stat");
  EXPECT_EQ(st.st_mode & 07777, 0711u);
  EXPECT_EQ(st.st_uid, 5u);
}

TEST_P(OverlayTest, AVolatileUpperAndAKeptMount) {
  OverlayOptions wanted = options({dir("low"), dir("other")});
  wanted.volatile_upper = true;
  make_upper(wanted);
  {
    OverlayMount mount = OverlayMount::mount(wanted);
    mount.keep();
  }
  file("merged/x", "1");
  EXPECT_THAT(list_dir(AT_FDCWD, root_ + "/upper"), ElementsAre("x"));
  check(sys::umount((root_ + "/merged").c_str(), 0), "umount");
}

TEST_P(OverlayTest, SaysWhyOverlayOnOverlayFails) {
  OverlayOptions outer = options({dir("low"), dir("other")});
  make_upper(outer);
  const OverlayMount mount = OverlayMount::mount(outer);
  OverlayOptions inner = options({dir("low"), dir("other")});
  inner.upper = dir("merged/upper");
  inner.work = dir("merged/work");
  inner.target = dir("inner");
  try {
    OverlayMount::mount(inner);
    FAIL() << "this kernel can do it";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("Invalid argument"));
    EXPECT_THAT(error.remedy(), HasSubstr("the store is itself on an overlay"));
  }
}

TEST_P(OverlayTest, NamesTheLayerThatIsNotThere) {
  OverlayOptions wanted = options({root_ + "/nowhere", dir("other")});
  make_own_dirs(wanted.upper, 0755);
  make_own_dirs(wanted.work, 0755);
  EXPECT_THROW(OverlayMount::mount(wanted), Error);
}

// --- merge layers ------------------------------------------------------------------------------------------
class MergeTest : public OverlayTest {};
INSTANTIATE_TEST_SUITE_P(Api, MergeTest, testing::Values(OverlayOptions::Api::kAuto));

TEST_P(MergeTest, ImplicitDirectoriesLookLikeTheLowerOnes) {
  file("low/etc/app/conf", "1");
  check(sys::chmod_at(AT_FDCWD, (root_ + "/low/etc/app").c_str(), 0700), "chmod");
  check(sys::chown_at(AT_FDCWD, (root_ + "/low/etc/app").c_str(), 7, 8), "chown");
  file("high/etc/app/more", "2");
  const LayerMeta low{.diff_id = "low", .implicit_dirs = {}};
  const LayerMeta high{.diff_id = "high", .implicit_dirs = {"", "etc", "etc/app"}};
  const UniqueFd merge =
      check(sys::open_at(AT_FDCWD, dir("merge").c_str(), O_RDONLY | O_DIRECTORY), "open merge");
  ASSERT_TRUE(make_merge_layer({{root_ + "/high", &high}, {root_ + "/low", &low}}, merge.get()));
  const OverlayOptions wanted = options({root_ + "/merge", root_ + "/high", root_ + "/low"});
  make_upper(wanted);
  const OverlayMount mount = OverlayMount::mount(wanted);
  const struct stat st = check(sys::stat_at(AT_FDCWD, (mount.target() + "/etc/app").c_str(), 0), "stat");
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  EXPECT_EQ(st.st_uid, 7u);
  EXPECT_THAT(list_dir(AT_FDCWD, mount.target() + "/etc/app"), ElementsAre("conf", "more"));
}

TEST_P(MergeTest, WhatIsHiddenDoesNotCount) {
  file("low/d/x", "1");
  check(sys::chmod_at(AT_FDCWD, (root_ + "/low/d").c_str(), 0700), "chmod");
  const UniqueFd middle =
      check(sys::open_at(AT_FDCWD, dir("middle").c_str(), O_RDONLY | O_DIRECTORY), "open");
  check(sys::mknod_at(middle.get(), "d", S_IFCHR, makedev(0, 0)), "whiteout");
  file("high/d/y", "2");
  const LayerMeta explicit_layer{.diff_id = "1"};
  const LayerMeta high{.diff_id = "2", .implicit_dirs = {"d"}};
  const UniqueFd merge =
      check(sys::open_at(AT_FDCWD, dir("merge").c_str(), O_RDONLY | O_DIRECTORY), "open merge");
  EXPECT_FALSE(make_merge_layer(
      {{root_ + "/high", &high}, {root_ + "/middle", &explicit_layer}, {root_ + "/low", &explicit_layer}},
      merge.get()));
}

}  // namespace
}  // namespace crunlite::rootfs
