// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rooted_dir.h"

namespace crunlite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_number<uint16_t>("5000"), 5000);
  EXPECT_EQ(parse_number<uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_number<uint32_t>("-1"), std::nullopt);
  EXPECT_EQ(parse_number<uint32_t>("+1"), std::nullopt);
  EXPECT_EQ(parse_number<uint32_t>(" 1"), std::nullopt);
  EXPECT_EQ(parse_number<uint32_t>("1x"), std::nullopt);
  EXPECT_EQ(parse_number<uint32_t>(""), std::nullopt);
}

TEST(Text, PrintableStopsTerminalEscapes) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("grün"), "grün");
  EXPECT_EQ(quote("a\"b\n"), "\"a\\\"b\\n\"");
}

TEST(Text, NearestNames) {
  EXPECT_THAT(nearest("python-doker", {"python-docker:latest", "redis:latest", "python-docker"}, 2),
              ElementsAre("python-docker"));
}

std::string parse_error(std::string_view text) {
  try {
    json::parse(text, "config.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Json, SaysLineAndColumn) {
  EXPECT_THAT(parse_error("{\n  \"a\": 1,\n}"), HasSubstr("config.json:3:1: not JSON: "));
  EXPECT_THAT(parse_error(""), HasSubstr("config.json:1:1: not JSON: "));
}

TEST(Json, IsStrict) {
  EXPECT_THAT(parse_error("{\"a\":1,\"a\":2}"), HasSubstr("the key \"a\" stands twice"));
  EXPECT_THAT(parse_error(std::string(101, '[') + std::string(101, ']')),
              HasSubstr("nested deeper than 100"));
  EXPECT_THAT(parse_error("{} x"), HasSubstr("not JSON"));
  EXPECT_THAT(parse_error("// c\n{}"), HasSubstr("not JSON"));
  EXPECT_THAT(parse_error("\"\xff\""), HasSubstr("not JSON"));
  EXPECT_EQ(parse_error("\"\\ud83d\\ude00\""), "accepted");
  for (const std::string_view text : {"\"\\udc00\"",
                                      "{\"\\udc00\":1}",
                                      "\"\\ud83d\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xc0\x80\"",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "'a'",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "NaN",
                                      "-Infinity",
                                      "1e999",
                                      "[1 2]",
                                      "\"a\nb\"",
                                      "\"\\x\"",
                                      "\xef\xbb\xbf{}",
                                      "tru",
                                      "{",
                                      "\""})
    EXPECT_THAT(parse_error(text), HasSubstr("not JSON")) << text;
  EXPECT_THAT(parse_error(std::string_view("{}\0{}", 5)), HasSubstr("config.json:1:3: not JSON: a NUL"));
  EXPECT_THAT(parse_error("{\"b\":[{}],\n\"a\":{\"k\":1,\"j\":2,\"k\":3}}"),
              HasSubstr("the key \"k\" stands twice"));
}

TEST(Json, ReaderCollectsEveryProblemByPointer) {
  const json::Value value =
      json::parse(R"({"process":{"args":"sh","a/b":true,"n":70000,"s":"x\u0000y"}})", "t");
  std::vector<std::string> problems;
  const json::Reader process = json::Reader(value, problems).at("process");
  EXPECT_THAT(process.get("args", std::vector<std::string>{}), ElementsAre());
  EXPECT_EQ(process.get<int32_t>("a/b", 7), 7);
  EXPECT_EQ(process.get<uint16_t>("n", 1), 1);
  EXPECT_EQ(process.require<std::string>("cwd"), "");
  EXPECT_EQ(process.get<std::string>("s", "d"), "d");
  EXPECT_THAT(problems, ElementsAre("/process/args: expected array, found string",
                                    "/process/a~1b: expected number, found boolean",
                                    "/process/n: expected a whole number from 0 to 65535",
                                    "/process: the member \"cwd\" is missing",
                                    "/process/s: the string contains a NUL character"));
}

TEST(Json, KeepsLargeNumbersAndOrder) {
  const std::string text =
      R"({"z":18446744073709551615,"a":[1,-2,true,null,"x",{"b":[[]],"c":{}}],"d":1.5,"m":-9223372036854775808})";
  EXPECT_EQ(json::dump(json::parse(text, "t")), text);
}

TEST(Json, WritesWhatEverybodyCanRead) {
  EXPECT_EQ(json::dump(json::Value("a\xff\xe2\x82z")), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
  EXPECT_EQ(json::dump(json::Value("\"\\\n\x01\u20ac")), "\"\\\"\\\\\\n\\u0001\u20ac\"");
  const json::Value value =
      json::Object{{"a", json::Array{1, 2}}, {"b", json::Object()}, {"c", json::Array()}};
  EXPECT_EQ(json::dump(value, json::Style::kIndented),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

// The same answers from openat2 and from the walk.
class Rooted : public testing::TestWithParam<RootedDir::Resolver> {
 protected:
  void SetUp() override {
    char path[] = "/tmp/crun-lite-rooted.XXXXXX";
    base_ = ::mkdtemp(path);
    root_path_ = base_ + "/root";
    make_own_dirs(root_path_ + "/etc", 0755);
    make_own_dirs(root_path_ + "/a/b", 0755);
    write_file_atomic(AT_FDCWD, root_path_ + "/etc/passwd", "inside", 0644, Durability::kRename);
    write_file_atomic(AT_FDCWD, base_ + "/secret", "outside", 0644, Durability::kRename);
    link("/etc", "a/absolute");
    link("../../../../../secret", "a/up");
    link("loop", "loop");
    link("/missing", "dangling");
    root_ = check(RootedDir::open_trusted(root_path_.c_str(), GetParam()), "open root");
  }
  void TearDown() override { remove_tree(AT_FDCWD, base_); }

  void link(const char* target, const char* name) {
    ASSERT_EQ(::symlink(target, (root_path_ + "/" + name).c_str()), 0);
  }
  std::string content(const char* path) {
    sys::Result<UniqueFd> file = root_.open(path, O_RDONLY);
    return file.ok() ? read_fd(file->get(), path, 100) : std::string(error_text(file.error()));
  }

  std::string base_;
  std::string root_path_;
  RootedDir root_;
};

TEST_P(Rooted, LinksStayInside) {
  EXPECT_EQ(content("a/absolute/passwd"), "inside");
  EXPECT_EQ(content("/etc/passwd"), "inside");
  EXPECT_EQ(content("../../etc/passwd"), "inside");
  EXPECT_EQ(content("a/up"), "No such file or directory");
  EXPECT_EQ(content("loop"), "Too many levels of symbolic links");
  EXPECT_EQ(content("etc/passwd/x"), "Not a directory");
}

TEST_P(Rooted, MakesDirectoriesInsideAndOnlyThere) {
  EXPECT_TRUE(root_.make_dirs("/a/absolute/new/deep", 0755).ok());
  EXPECT_TRUE(sys::stat_at(AT_FDCWD, (root_path_ + "/etc/new/deep").c_str(), 0).ok());
  EXPECT_TRUE(root_.make_dirs("../../x", 0755).ok());
  EXPECT_TRUE(sys::stat_at(AT_FDCWD, (root_path_ + "/x").c_str(), 0).ok());
  EXPECT_FALSE(sys::stat_at(AT_FDCWD, (base_ + "/x").c_str(), 0).ok());
  EXPECT_EQ(root_.make_dirs("etc/passwd/x", 0755).error(), ENOTDIR);
  EXPECT_EQ(root_.make_dirs("dangling/x", 0755).error(), ENOENT);
}

TEST_P(Rooted, ParentOfALinkIsNotTheLink) {
  sys::Result<RootedDir::Leaf> leaf = root_.open_parent("a/absolute");
  ASSERT_TRUE(leaf.ok());
  EXPECT_STREQ(leaf->name, "absolute");
  EXPECT_EQ(root_.open_parent("a/..").error(), EINVAL);
  EXPECT_EQ(root_.open_parent("/").error(), EINVAL);
}

TEST_P(Rooted, CreatesWithoutFollowing) {
  EXPECT_EQ(root_.open("a/up", O_WRONLY | O_CREAT | O_EXCL, 0600).error(), EEXIST);
  EXPECT_TRUE(root_.open("a/b/new", O_WRONLY | O_CREAT | O_EXCL, 0600).ok());
  EXPECT_EQ(root_.open("a/up", O_RDONLY | O_NOFOLLOW).error(), ELOOP);
}

TEST_P(Rooted, PlainLinksOfAProcfsAreFollowedAndMagicOnesAreNot) {
  const RootedDir host = check(RootedDir::open_trusted("/", GetParam()), "open /");
  EXPECT_TRUE(host.open("/proc/self/status", O_RDONLY).ok());
  EXPECT_TRUE(host.open("/proc/mounts", O_RDONLY).ok());
  for (const char* path : {"/proc/self/cwd", "/proc/self/fd/0", "/proc/self/root/etc", "/proc/self/ns/user"})
    EXPECT_EQ(host.open(path, O_PATH).error(), ELOOP) << path;
}

TEST(Text, DecodesBase64) {
  EXPECT_EQ(decode_base64("TWFu"), "Man");
  EXPECT_EQ(decode_base64(" TWE=\n"), "Ma");
  EXPECT_EQ(decode_base64("TQ=="), "M");
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("+/+/"), "\xfb\xff\xbf");
  for (const char* bad : {"TWF", "T===", "TQ==TWFu", "TW u", "TW-_", "====", "T=Fu"})
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
}

TEST(Message, TwoDescriptorsAreNoneAndNoneStaysOpen) {
  const sys::SocketPair channel = check(sys::socket_pair(SOCK_SEQPACKET), "socketpair");
  char byte = 'x';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int two[] = {0, 0};
  std::memcpy(CMSG_DATA(header), two, sizeof two);
  ASSERT_EQ(::sendmsg(channel.first.get(), &message, 0), 1);
  const auto lowest_free = [] { return check(sys::dup(0), "dup").get(); };
  const int before = lowest_free();
  EXPECT_EQ(sys::receive_with_fd(channel.second.get(), &byte, 1).error(), EMSGSIZE);
  EXPECT_EQ(lowest_free(), before);
}

INSTANTIATE_TEST_SUITE_P(Resolvers, Rooted,
                         testing::Values(RootedDir::Resolver::kAuto, RootedDir::Resolver::kWalk));

}  // namespace
}  // namespace crunlite
