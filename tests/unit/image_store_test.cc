// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "image/store.h"
#include "image/transaction.h"

namespace crunlite::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kId = "sha256:" + std::string(63, 'a') + "1";
const std::string kOtherId = "sha256:" + std::string(63, 'a') + "2";
const std::string kManifest = "sha256:" + std::string(64, 'c');
const std::string kLayer = "sha256:" + std::string(64, 'b');

class StoreTest : public testing::Test {
 protected:
  StoreTest() : root_(cat("/tmp/crl.store.", random_hex(8))) {}
  ~StoreTest() override { remove_tree(AT_FDCWD, root_); }

  static void put(Transaction& transaction, const std::string& id, std::initializer_list<const char*> names) {
    transaction.add_blob(id,
                         R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
    transaction.add_image({.id = id, .manifest_digest = kManifest, .dirs = {"layers/x/diff"}});
    for (const char* name : names) transaction.add_name(parse_reference_or_latest(name), id);
  }
  void load(const std::string& id, std::initializer_list<const char*> names) {
    Transaction transaction(store_);
    put(transaction, id, names);
    transaction.commit();
  }
  mode_t mode_of(const char* name) const { return sys::stat_at(store_.fd(), name, 0)->st_mode & 07777; }

  std::string root_;
  Store store_ = Store::open(root_);
};

TEST_F(StoreTest, IsForItsOwnerAlone) {
  for (const char* name : {".", "blobs", "layers", "tmp", "refs"}) EXPECT_EQ(mode_of(name), 0700u) << name;
  EXPECT_EQ(mode_of("version"), 0600u);
}

TEST_F(StoreTest, FindsByNameIdAndPrefix) {
  load(kId, {"python-docker", "quay.io/x/y:1"});
  for (const std::string& text :
       {std::string("python-docker"), std::string("python-docker:latest"), std::string("quay.io/x/y:1"), kId,
        kId.substr(7), kId.substr(7, 12), kId.substr(0, 20)})
    EXPECT_EQ(store_.find(text).value().id, kId) << text;
  EXPECT_THAT(store_.find("python-docker")->layer_dirs, ElementsAre(root_ + "/layers/x/diff"));
  EXPECT_FALSE(store_.find("python-docker:2"));
  EXPECT_FALSE(store_.find("quay.io/x/y"));
  EXPECT_FALSE(store_.find("sha256:" + std::string(64, 'f')));
  EXPECT_THAT(store_.names(), ElementsAre("python-docker:latest", "quay.io/x/y:1"));
}

TEST_F(StoreTest, RefusesAnAmbiguousPrefix) {
  load(kId, {});
  load(kOtherId, {});
  EXPECT_THROW(store_.find("aaaaaaaaaaaa"), Error);
}

TEST_F(StoreTest, ANameAndDigestMustBothFit) {
  load(kId, {"app:1"});
  EXPECT_TRUE(store_.find("app:1@" + kManifest));
  EXPECT_FALSE(store_.find("app:1@sha256:" + std::string(64, 'd')));
}

TEST_F(StoreTest, SaysWhichNamesAreNear) {
  load(kId, {"python-docker"});
  try {
    store_.require("pyton-docker");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "No such image: pyton-docker");
    EXPECT_EQ(error.remedy(), "did you mean python-docker?");
  }
}

TEST_F(StoreTest, TheTagLatestMakesNoNamesNear) {
  load(kId, {"vol", "nopw:2"});
  try {
    store_.require("app");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.remedy(), "");
  }
}

TEST_F(StoreTest, AnUncommittedTransactionLeavesNothing) {
  {
    Transaction transaction(store_);
    put(transaction, kId, {"app"});
    transaction.begin_layer(kLayer);
  }
  EXPECT_FALSE(store_.find("app"));
  EXPECT_THAT(list_dir(store_.fd(), "tmp"), IsEmpty());
  EXPECT_THAT(list_dir(store_.fd(), "images"), IsEmpty());
}

TEST_F(StoreTest, SweepsTheDeadAndSparesTheLiving) {
  check(sys::mkdir_at(store_.fd(), "tmp/dead", 0700), "mkdir");
  check(sys::mkdir_at(store_.fd(), "tmp/dead/sub", 0700), "mkdir");
  const Transaction living(store_);
  const std::string living_name = [&] {
    for (const std::string& name : list_dir(store_.fd(), "tmp"))
      if (name != "dead") return name;
    return std::string();
  }();
  const Transaction sweeper(store_);
  EXPECT_THAT(list_dir(store_.fd(), "tmp"), testing::Contains(living_name));
  EXPECT_THAT(list_dir(store_.fd(), "tmp"), testing::Not(testing::Contains("dead")));
}

TEST_F(StoreTest, TheFirstOfTwoLayersStays) {
  Transaction first(store_);
  Transaction second(store_);
  for (Transaction* transaction : {&first, &second}) {
    transaction->begin_layer(kLayer);
    transaction->describe_layer(kLayer, transaction == &first ? "first" : "second");
    transaction->add_layer(kLayer);
  }
  first.commit();
  second.commit();
  EXPECT_EQ(read_file(store_.fd(), Store::layer_path(kLayer) + "/meta.json", 100), "first");
  EXPECT_TRUE(store_.has_layer(kLayer));
}

TEST_F(StoreTest, RefusesAnotherVersion) {
  write_file_atomic(store_.fd(), "version", "2", 0600, Durability::kRename);
  try {
    Store::open(root_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has version \"2\""));
  }
}

TEST_F(StoreTest, ReportsDamageWithTheFilesName) {
  load(kId, {"app"});
  write_file_atomic(store_.fd(), "refs/docker.io/library/app/:latest", R"({"image":"../../etc/passwd"})",
                    0600, Durability::kRename);
  try {
    store_.find("app");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("refs/docker.io/library/app/:latest is damaged"));
  }
}

}  // namespace
}  // namespace crunlite::image
