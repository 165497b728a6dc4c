// SPDX-License-Identifier: Apache-2.0
// What is said to criu, byte by byte: the encoding of its messages (protobuf, rpc.proto) is an agreement with
// another program, so the expected bytes are written out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/criu_rpc.h"

namespace crunlite::runtime {
namespace {

using testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

// "08 96 01" for what a failed comparison shows.
std::string hex(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4], kDigits[byte & 15], ' '};
  }
  return out;
}

TEST(CriuRequest, Version) {
  EXPECT_EQ(hex(encode_criu_request({.call = CriuCall::kVersion})), "08 0a ");
}

TEST(CriuRequest, FeatureCheck) {
  const CriuRequest request{.call = CriuCall::kFeatureCheck, .features = CriuFeatures{.mem_track = true}};
  EXPECT_EQ(hex(encode_criu_request(request)), "08 09 2a 02 08 01 ");
}

TEST(CriuRequest, ReplyToANotification) {
  EXPECT_EQ(hex(encode_criu_request({.call = CriuCall::kNotify, .notify_success = true})), "08 06 18 01 ");
  EXPECT_EQ(hex(encode_criu_request({.call = CriuCall::kNotify, .notify_success = false})), "08 06 18 00 ");
}

TEST(CriuRequest, SmallestDump) {
  const CriuRequest request{.call = CriuCall::kDump,
                            .options = CriuOptions{.images_dir_fd = 5, .pid = 300, .log_file = "a"}};
  // images_dir_fd 5, pid 300, log_level 4, log_file, manage_cgroups, manage_cgroups_mode SOFT
  EXPECT_EQ(hex(encode_criu_request(request)),
            "08 01 12 10 08 05 10 ac 02 48 04 52 01 61 c0 01 01 90 02 03 ");
}

TEST(CriuRequest, NestedMessages) {
  CriuOptions options{.images_dir_fd = 1};
  options.page_server = CriuPageServer{.address = "h", .port = 128};
  options.cgroup_roots = {{"", "/a"}};
  options.inherited = {{"pipe:[7]", 2}};
  options.external = {"mnt[/d]:/d"};
  options.joined = {{"ipc", "/i"}};
  const std::string text = hex(encode_criu_request({.call = CriuCall::kRestore, .options = options}));
  EXPECT_THAT(text, HasSubstr("5a 06 0a 01 68 10 80 01 "));                       // ps = 11
  EXPECT_THAT(text, HasSubstr("ca 01 06 0a 00 12 02 2f 61 "));                    // cg_root = 25
  EXPECT_THAT(text, HasSubstr("da 01 0c 0a 08 70 69 70 65 3a 5b 37 5d 10 02 "));  // inherit_fd = 27
  EXPECT_THAT(text, HasSubstr("aa 02 0a 6d 6e 74 5b 2f 64 5d 3a 2f 64 "));        // external = 37
  EXPECT_THAT(text, HasSubstr("ba 02 09 0a 03 69 70 63 12 02 2f 69 "));           // join_ns = 39
}

TEST(CriuRequest, SwitchesThatAreOffAreLeftOut) {
  CriuOptions options{.images_dir_fd = 1};
  const size_t bare = encode_criu_request({.call = CriuCall::kDump, .options = options}).size();
  options.leave_running = true;
  const std::string with = encode_criu_request({.call = CriuCall::kDump, .options = options});
  EXPECT_EQ(with.size(), bare + 2);
  EXPECT_THAT(hex(with), HasSubstr("18 01 "));
}

TEST(CriuAnswer, Version) {
  const CriuAnswer answer =
      decode_criu_answer(bytes({0x08, 0x0a, 0x10, 0x01, 0x52, 0x06, 0x08, 3, 0x10, 17, 0x20, 1}));
  EXPECT_EQ(answer.call, CriuCall::kVersion);
  EXPECT_TRUE(answer.success);
  EXPECT_EQ(answer.version.number(), 31701);
}

TEST(CriuAnswer, Restored) {
  const CriuAnswer answer = decode_criu_answer(bytes({0x08, 0x02, 0x10, 0x01, 0x22, 0x03, 0x08, 0xac, 0x02}));
  EXPECT_EQ(answer.call, CriuCall::kRestore);
  EXPECT_EQ(answer.restored, 300);
}

TEST(CriuAnswer, Notification) {
  const CriuAnswer answer =
      decode_criu_answer(bytes({0x08, 0x06, 0x10, 0x01, 0x2a, 0x05, 0x0a, 0x01, 'x', 0x10, 0x07}));
  EXPECT_EQ(answer.call, CriuCall::kNotify);
  EXPECT_EQ(answer.notification.script, "x");
  EXPECT_EQ(answer.notification.pid, 7);
}

TEST(CriuAnswer, FailureWithWords) {
  const CriuAnswer answer =
      decode_criu_answer(bytes({0x08, 0x01, 0x10, 0x00, 0x38, 0x11, 0x4a, 0x02, 'n', 'o'}));
  EXPECT_FALSE(answer.success);
  EXPECT_EQ(answer.error, 17);
  EXPECT_EQ(answer.message, "no");
}

TEST(CriuAnswer, UnknownFieldsAreSkipped) {
  // 100 (varint), 101 (bytes), 102 (fixed32), then the version
  const CriuAnswer answer = decode_criu_answer(
      bytes({0xa0, 0x06, 0x05, 0xaa, 0x06, 0x01, 'z', 0xb5, 0x06, 1, 2, 3, 4, 0x08, 0x0a, 0x10, 0x01}));
  EXPECT_EQ(answer.call, CriuCall::kVersion);
}

// Nothing that arrives may do more than throw.
TEST(CriuAnswer, Damaged) {
  const std::string good = bytes({0x08, 0x06, 0x10, 0x01, 0x2a, 0x05, 0x0a, 0x01, 'x',  0x10, 0x07, 0x52,
                                  0x06, 0x08, 3,    0x10, 17,   0x20, 1,    0x22, 0x03, 0x08, 0xac, 0x02});
  (void)decode_criu_answer(good);
  const auto try_one = [](const std::string& text) {
    try {
      (void)decode_criu_answer(text);
    } catch (const Error&) {
    }
  };
  for (size_t size = 0; size <= good.size(); ++size) try_one(good.substr(0, size));
  for (size_t at = 0; at < good.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      try_one(bad);
    }
  EXPECT_THROW((void)decode_criu_answer(bytes({0x22, 0x7f, 0x00})), Error);
}

}  // namespace
}  // namespace crunlite::runtime
