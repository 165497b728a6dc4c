// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "net/publish.h"

namespace crunlite::net {
namespace {

// "tcp 127.0.0.1 8000-8000 80" for each mapping, "; " between; or the error's text.
std::string show(std::string_view text) {
  try {
    std::vector<std::string> shown;
    for (const PortMapping& m : parse_publish(text))
      shown.push_back(cat(protocol_name(m.protocol), ' ', m.host_address ? m.host_address->to_string() : "*",
                          ' ', m.host_first, '-', m.host_last, ' ', m.container_port));
    return join(shown, "; ");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

class Publish : public testing::TestWithParam<Case> {};
TEST_P(Publish, Grammar) {
  EXPECT_EQ(show(GetParam().text), GetParam().expected) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Accepted, Publish,
    testing::Values(
        Case{"80", "tcp * 0-0 80"}, Case{"80/udp", "udp * 0-0 80"}, Case{"80/SCTP", "sctp * 0-0 80"},
        Case{"80/", "tcp * 0-0 80"}, Case{"5000:80", "tcp * 5000-5000 80"}, Case{":80", "tcp * 0-0 80"},
        Case{"0:80", "tcp * 0-0 80"}, Case{"127.0.0.1:5000:80", "tcp 127.0.0.1 5000-5000 80"},
        Case{"127.0.0.1::80", "tcp 127.0.0.1 0-0 80"}, Case{"[::1]:5000:80", "tcp ::1 5000-5000 80"},
        Case{"::1:5000:80", "tcp ::1 5000-5000 80"}, Case{"::::80", "tcp :: 0-0 80"},
        Case{"[::]::80/udp", "udp :: 0-0 80"}, Case{"2001:db8::1:5000:80", "tcp 2001:db8::1 5000-5000 80"},
        Case{"::80", "tcp * 0-0 80"}, Case{"80-81", "tcp * 0-0 80; tcp * 0-0 81"},
        Case{"8000-8001:80-81", "tcp * 8000-8000 80; tcp * 8001-8001 81"},
        Case{"8000-8010:80", "tcp * 8000-8010 80"}, Case{"8000-8000:80-80", "tcp * 8000-8000 80"},
        Case{"65535:65535", "tcp * 65535-65535 65535"}));

INSTANTIATE_TEST_SUITE_P(
    Refused, Publish,
    testing::Values(
        Case{"", "no port specified: <empty>"}, Case{"5000:", "no port specified: 5000:<empty>"},
        Case{"/tcp", "no port specified: /tcp<empty>"}, Case{"web", "invalid containerPort: web"},
        Case{"5000:0", "invalid containerPort: 0"}, Case{"5000:65536", "invalid containerPort: 65536"},
        Case{"5000:-1", "invalid containerPort: -1"}, Case{"5000:81-80", "invalid containerPort: 81-80"},
        Case{"web:80", "invalid hostPort: web"}, Case{"65536:80", "invalid hostPort: 65536"},
        Case{"0-5:80", "invalid hostPort: 0-5"}, Case{"8001-8000:80", "invalid hostPort: 8001-8000"},
        Case{"80/http", "invalid proto: http"}, Case{"80/tcp/udp", "invalid proto: tcp/udp"},
        Case{"localhost:5000:80", "invalid IP address: localhost"},
        Case{"256.0.0.1:5000:80", "invalid IP address: 256.0.0.1"},
        Case{"01.2.3.4:5000:80", "invalid IP address: 01.2.3.4"},
        Case{"[127.0.0.1]:5000:80", "invalid IP address: [127.0.0.1]"},
        Case{"[]:5000:80", "invalid IP address: []"}, Case{":::80", "invalid IP address: :"},
        Case{"fe80::1%eth0:1:80", "invalid IP address: fe80::1%eth0"},
        Case{"8000-8001:80-82", "invalid ranges specified for container and host Ports: 80-82 and 8000-8001"},
        Case{"5000:80\n", "invalid containerPort: 80\\n"}));

TEST(Publish, PrintedAsDockerDoes) {
  const Address any4 = Address::any(Family::kIpv4);
  const Address any6 = Address::any(Family::kIpv6);
  EXPECT_EQ(describe_ports({}), "");
  EXPECT_EQ(describe_ports({{Protocol::kTcp, any6, 5000, 5000}, {Protocol::kTcp, any4, 5000, 5000}}),
            "0.0.0.0:5000->5000/tcp, [::]:5000->5000/tcp");
  EXPECT_EQ(describe_ports({{Protocol::kTcp, any4, 8001, 81},
                            {Protocol::kTcp, any4, 8000, 80},
                            {Protocol::kUdp, any4, 8002, 82}}),
            "0.0.0.0:8000-8001->80-81/tcp, 0.0.0.0:8002->82/udp");
}

TEST(Addresses, Subnets) {
  const Subnet net = Subnet::parse("10.219.0.0/16").value();
  EXPECT_EQ(net.host(1).to_string(), "10.219.0.1");
  EXPECT_EQ(net.host(258).to_string(), "10.219.1.2");
  EXPECT_TRUE(net.contains(Address::parse("10.219.255.255").value()));
  EXPECT_FALSE(net.contains(Address::parse("10.220.0.0").value()));
  EXPECT_TRUE(net.overlaps(Subnet::parse("10.0.0.0/8").value()));
  EXPECT_TRUE(net.overlaps(Subnet::parse("10.219.7.0/24").value()));
  EXPECT_FALSE(net.overlaps(Subnet::parse("10.218.0.0/16").value()));
  EXPECT_EQ(Subnet::parse("fd63::/64")->host(0x102).to_string(), "fd63::102");
  EXPECT_EQ(Subnet::parse("10.219.0.1/16"), std::nullopt);
  EXPECT_EQ(Subnet::parse("10.219.0.0/33"), std::nullopt);
  EXPECT_EQ(Subnet::parse("10.219.0.0"), std::nullopt);
}

TEST(Addresses, Kinds) {
  EXPECT_TRUE(Address::parse("127.8.0.1")->is_loopback());
  EXPECT_TRUE(Address::parse("::1")->is_loopback());
  EXPECT_TRUE(Address::parse("::")->is_any());
  EXPECT_TRUE(Address::parse("fe80::1")->is_link_local());
  EXPECT_EQ(endpoint_text(Address::loopback(Family::kIpv6), 80), "[::1]:80");
}

}  // namespace
}  // namespace crunlite::net
