// SPDX-License-Identifier: Apache-2.0
#include "engine/user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Accounts accounts() {
  return {parse_passwd("root:x:0:0:root:/root:/bin/sh\n"
                       "# comment\n"
                       "\n"
                       "broken:x:1\n"
                       "huge:x:4294967296:0::/:\n"
                       "minusone:x:4294967295:0::/:\n"
                       "app:x:1000:1001:App:/home/app:/bin/sh\n"
                       "1000:x:0:0:evil:/root:/bin/sh\n"
                       "odd:x:7:7:no shell:relative\n"),
          parse_group("root:x:0:\nwheel:x:10:root,app\nappgroup:x:1001:\nextra:x:20:app\n100:x:0:\n")};
}

ResolvedUser resolve(std::string_view user, std::vector<std::string> extra = {}) {
  return resolve_user(user, extra, accounts());
}

std::string refused(std::string_view user) {
  try {
    const ResolvedUser resolved = resolve(user);
    return cat("accepted as ", resolved.uid, ":", resolved.gid);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(User, SkipsLinesThatAreNotInTheFormat) {
  std::vector<std::string> names;
  for (const PasswdEntry& entry : accounts().passwd) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("root", "app", "1000", "odd"));
}

TEST(User, NamesAndNumbersGiveIdsGroupsAndHome) {
  const ResolvedUser app = resolve("app");
  EXPECT_EQ(app.uid, 1000u);
  EXPECT_EQ(app.gid, 1001u);
  EXPECT_EQ(app.home, "/home/app");
  // The primary group stands in the list (CVE-2022-36109).
  EXPECT_THAT(app.groups, ElementsAre(1001u, 10u, 20u));

  EXPECT_THAT(resolve("").groups, ElementsAre(0u, 10u));
  EXPECT_EQ(resolve("").home, "/root");
  EXPECT_EQ(resolve("odd").home, "/");
}

TEST(User, ANamedGroupReplacesTheListedOnes) {
  const ResolvedUser user = resolve("app:wheel");
  EXPECT_EQ(user.gid, 10u);
  EXPECT_THAT(user.groups, ElementsAre(10u));
  EXPECT_THAT(resolve("app:77", {"extra", "88"}).groups, ElementsAre(77u, 20u, 88u));
}

// CVE-2026-30892, CVE-2016-3697, CVE-2024-40635: digits are never a name, and never wrap around.
TEST(User, DigitsAreNumbersAndNothingElse) {
  EXPECT_EQ(resolve("1000").uid, 1000u);
  EXPECT_EQ(resolve("1000").home, "/home/app");
  EXPECT_EQ(resolve("1").uid, 1u);
  EXPECT_EQ(resolve("1").gid, 0u);
  EXPECT_EQ(resolve("4242:100").gid, 100u);
  EXPECT_EQ(resolve("2147483648").uid, 2147483648u);
  EXPECT_EQ(resolve("4294967294").uid, 4294967294u);
  for (const char* text : {"4294967295", "4294967296", "-1", "+0", "+1", "99999999999999999999", "0-0"}) {
    EXPECT_THAT(refused(text), HasSubstr("not in the range 0 to 4294967294")) << text;
    EXPECT_THAT(refused(cat("0:", text)), HasSubstr("not in the range")) << text;
  }
  for (const char* text : {"0x0", " 0", "0 ", "nobody-here", "1000 "}) {
    EXPECT_THAT(refused(text), HasSubstr("no matching entries in passwd file")) << text;
  }
  for (const char* text : {":0", "1:", ":", "root:"}) {
    EXPECT_THAT(refused(text), HasSubstr("expected name|uid[:group|gid]")) << text;
  }
  EXPECT_THAT(refused("root:nogroup"), HasSubstr("no matching entries in group file"));
  EXPECT_THAT(refused("0:0:0"), HasSubstr("no matching entries in group file"));
}

class AccountFiles : public testing::Test {
 protected:
  AccountFiles() : dir_(make_own_dirs(path_ + "/etc", 0755)) {}
  ~AccountFiles() override { remove_tree(AT_FDCWD, path_); }

  RootedDir root() const { return check(RootedDir::open_trusted(path_.c_str()), "open ", path_); }
  void write(const char* name, std::string_view text) {
    write_file_atomic(dir_.get(), name, text, 0644, Durability::kRename);
  }

  std::string path_ = "/tmp/crl-user-test." + random_hex(8);
  UniqueFd dir_;
};

TEST_F(AccountFiles, MissingFilesAreEmpty) {
  EXPECT_THAT(read_accounts(root()).passwd, IsEmpty());
}

TEST_F(AccountFiles, AreReadInsideTheRoot) {
  write("passwd", "app:x:5:6::/app:\n");
  EXPECT_EQ(read_accounts(root()).passwd.at(0).uid, 5u);
  // An absolute link is the image's own: it must not reach the host's file.
  check(sys::unlink_at(dir_.get(), "passwd"), "unlink");
  check(sys::symlink_at("/etc/hostname", dir_.get(), "passwd"), "symlink");
  EXPECT_THAT(read_accounts(root()).passwd, IsEmpty());
}

// CVE-2026-47262: none of these may hang, or fill memory.
TEST_F(AccountFiles, HostileOnesAreRefused) {
  check(sys::mknod_at(dir_.get(), "passwd", S_IFIFO | 0644, 0), "mkfifo");
  EXPECT_THROW(read_accounts(root()), Error);
  check(sys::unlink_at(dir_.get(), "passwd"), "unlink");
  {
    const UniqueFd sparse = check(sys::open_at(dir_.get(), "passwd", O_WRONLY | O_CREAT, 0644), "create");
    check(sys::ftruncate(sparse.get(), off_t{1} << 40), "ftruncate");
  }
  EXPECT_THROW(read_accounts(root()), Error);
}

TEST_F(AccountFiles, OneEndlessLineIsSkipped) {
  write("group", "g:x:1:" + std::string(200'000, 'a') + "\nok:x:2:\n");
  const Accounts accounts = read_accounts(root());
  ASSERT_EQ(accounts.group.size(), 1u);
  EXPECT_EQ(accounts.group[0].name, "ok");
}

}  // namespace
}  // namespace crunlite::engine
