// SPDX-License-Identifier: Apache-2.0
// Golden bytes: what strace shows of `ip` and `nft` doing the same (little-endian machines).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "base/error.h"
#include "net/link.h"
#include "net/nft.h"
#include "net/state.h"
#include "net/state_json.h"

namespace crunlite::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0 && i % 4 == 0) text += ' ';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

TEST(Message, AddressOfAnInterface) {
  Message message =
      add_address({.index = 2, .interface = "eth0", .address = *Address::parse("10.219.0.2"), .prefix = 16});
  message.set_sequence(7);
  EXPECT_EQ(message.what(), "add address 10.219.0.2/16 to eth0");
  EXPECT_EQ(
      hex(message.finish()),
      "30000000 14000106 07000000 00000000 "  // 48 bytes, RTM_NEWADDR, REQUEST|EXCL|CREATE, sequence, port
      "02100000 02000000 "                    // AF_INET, /16, interface 2
      "08000200 0adb0002 "                    // IFA_LOCAL
      "08000100 0adb0002 "                    // IFA_ADDRESS
      "08000800 82000000");                   // IFA_FLAGS: NODAD, PERMANENT
}

TEST(Message, PadsAndNests) {
  Message message("test", RTM_NEWLINK, 0);
  message.nest(18, [](Message& m) { m.put_string(1, "veth").put_u8(2, 9); }).put_be16(3, 0x1234);
  EXPECT_EQ(hex(message.finish()),
            "30000000 10000100 00000000 00000000 "
            "18001280 "                    // nest of 24 bytes, NLA_F_NESTED
            "09000100 76657468 00000000 "  // "veth\0" and padding
            "05000200 09000000 "
            "06000300 12340000");
}

TEST(Message, ReadsBackWhatItWrote) {
  Message message("test", RTM_NEWLINK, 0);
  message.nest(18, [](Message& m) { m.put_string(1, "bridge"); }).put_u32(4, 1500);
  const Attributes attributes(message.finish().subspan(NLMSG_HDRLEN));
  EXPECT_EQ(attributes.nested(18).string(1), "bridge");
  EXPECT_EQ(attributes.u32(4), 1500u);
  EXPECT_EQ(attributes.u32(5), std::nullopt);
}

TEST(Attributes, StopAtRubbish) {
  const uint8_t too_long[] = {0xff, 0x00, 0x01, 0x00, 0x01, 0x02};
  EXPECT_EQ(Attributes(too_long).find(1), std::nullopt);
  const uint8_t too_short[] = {0x03, 0x00, 0x01, 0x00};
  EXPECT_EQ(Attributes(too_short).find(1), std::nullopt);
  EXPECT_EQ(Attributes(Bytes(too_short, 2)).find(1), std::nullopt);
}

TEST(Nft, ConcatenatedKeyIsPaddedToRegisters) {
  EXPECT_EQ(hex(NftKey().protocol(6).address(*Address::parse("127.0.0.1")).port(5001).bytes()),
            "06000000 7f000001 13890000");
  EXPECT_EQ(nft_type_of({NftType::kProtocol, NftType::kIpv4, NftType::kService}), 12u << 12 | 7u << 6 | 13u);
}

TEST(Nft, RuleReadsAsExpressions) {
  Message message("test", 0, 0);
  NftRule().iifname("crl0").drop().write(message);
  const Bytes bytes = message.finish().subspan(NLMSG_HDRLEN);
  std::vector<std::string> names;
  Attributes(bytes).nested(NFTA_RULE_EXPRESSIONS).each([&](uint16_t type, Bytes value) {
    EXPECT_EQ(type, NFTA_LIST_ELEM);
    names.push_back(Attributes(value).string(NFTA_EXPR_NAME));
  });
  EXPECT_THAT(names, ElementsAre("meta", "cmp", "immediate"));
}

TEST(State, NamesOfLinks) {
  const std::string id = "4f5e6d7c8b9a0123456789abcdef0123456789abcdef0123456789abcdef0123";
  EXPECT_EQ(link_name(id), "crl4f5e6d7c8b9a");
  EXPECT_EQ(link_name("web").size(), 15u);
  EXPECT_NE(link_name("web"), link_name("web2"));
}

TEST(State, ContainerIds) {
  for (const char* good : {"a", "web-1", "A_b.c", "0123"}) EXPECT_TRUE(is_container_id(good)) << good;
  for (const char* bad : {"", ".", "..", "-a", "a/b", "a b", "a\n"})
    EXPECT_FALSE(is_container_id(bad)) << bad;
}

TEST(State, RecordsSurviveJson) {
  const Record record{.container_id = "web",
                      .link = "crl0123",
                      .addresses = {*Address::parse("10.219.0.2"), *Address::parse("fd63::2")},
                      .ports = {{Protocol::kUdp, Address::any(Family::kIpv6), 53, 5353}}};
  const Record read = decode_record(encode(record), "web.json");
  EXPECT_EQ(read.container_id, record.container_id);
  EXPECT_EQ(read.link, record.link);
  EXPECT_EQ(read.addresses, record.addresses);
  EXPECT_EQ(read.ports, record.ports);
}

TEST(State, BadRecordsSayWhatIsWrong) {
  try {
    decode_record(
        json::parse(R"({"addresses": ["x"], "ports": [{"protocol": "http", "hostPort": 70000}]})", "r"), "r");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/addresses/0: not an IP address"));
    EXPECT_THAT(error.what(), HasSubstr("/ports/0"));
    EXPECT_THAT(error.what(), HasSubstr("id"));
  }
}

}  // namespace
}  // namespace crunlite::net
