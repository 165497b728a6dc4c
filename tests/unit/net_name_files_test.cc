// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "net/name_files.h"

namespace crunlite::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string content(std::string_view host, const DnsOptions& options = {}, bool ipv6 = true) {
  return resolv_conf_content(host, options, ipv6).content;
}

TEST(ResolvConf, KeepsWhatTheHostSays) {
  EXPECT_EQ(content("# made by hand\nnameserver 192.0.2.1\nnameserver 2001:db8::1 ; second\n"
                    "search old.example\nsearch example.org example.com\noptions ndots:2 edns0\n"),
            "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch example.org example.com\noptions ndots:2 "
            "edns0\n");
  EXPECT_EQ(content("domain example.org\nnameserver\t192.0.2.1"),
            "nameserver 192.0.2.1\nsearch example.org\n");
}

TEST(ResolvConf, LeavesLoopbackServersOut) {
  const ResolvConf mixed = resolv_conf_content("nameserver 127.0.0.53\nnameserver 192.0.2.1\n", {}, true);
  EXPECT_EQ(mixed.content, "nameserver 192.0.2.1\n");
  EXPECT_THAT(mixed.warnings, IsEmpty());
}

TEST(ResolvConf, InventsNoServer) {
  const ResolvConf only =
      resolv_conf_content("nameserver 127.0.0.1\nnameserver ::1\nsearch a.example\n", {}, true);
  EXPECT_EQ(only.content, "search a.example\n");
  EXPECT_THAT(only.warnings,
              ElementsAre(HasSubstr("the host's only name servers are its own (127.0.0.1, ::1)")));
  EXPECT_EQ(content(""), "");
}

TEST(ResolvConf, LeavesOutWhatTheContainerCannotReach) {
  const ResolvConf result = resolv_conf_content(
      "nameserver fe80::1%eth0\nnameserver 2001:db8::1\nnameserver 192.0.2.1\n", {}, false);
  EXPECT_EQ(result.content, "nameserver 192.0.2.1\n");
  EXPECT_THAT(result.warnings,
              ElementsAre(HasSubstr("fe80::1%eth0"), HasSubstr("the container has no IPv6")));
}

TEST(ResolvConf, OptionsReplaceTheHost) {
  const std::string host = "nameserver 127.0.0.53\nsearch example.org\noptions edns0\n";
  EXPECT_EQ(content(host, {.servers = {"198.51.100.1"}, .search = {"a.example"}, .options = {"ndots:1"}}),
            "nameserver 198.51.100.1\nsearch a.example\noptions ndots:1\n");
  EXPECT_EQ(content("nameserver 192.0.2.1\nsearch example.org\n", {.search = {"."}}),
            "nameserver 192.0.2.1\n");
}

TEST(ResolvConf, OptionsCannotAddLines) {
  EXPECT_THROW(content("", {.servers = {"192.0.2.1\nnameserver 6.6.6.6"}}), Error);
  EXPECT_THROW(content("", {.search = {"a\nnameserver 6.6.6.6"}}), Error);
  EXPECT_THROW(content("", {.options = {"ndots:1\nnameserver 6.6.6.6"}}), Error);
  EXPECT_THROW(content("", {.options = {"#"}}), Error);
}

TEST(Hosts, Content) {
  const HostsRequest request{.addresses = {*Address::parse("10.219.0.2"), *Address::parse("fd63::2")},
                             .hostname = "web",
                             .domain = "example.org",
                             .extra = {{"192.0.2.7", "db"}}};
  EXPECT_EQ(hosts_content(request),
            "127.0.0.1\tlocalhost\n"
            "::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fe00::\tip6-localnet\n"
            "ff00::\tip6-mcastprefix\n"
            "ff02::1\tip6-allnodes\n"
            "ff02::2\tip6-allrouters\n"
            "192.0.2.7\tdb\n"
            "10.219.0.2\tweb.example.org web\n"
            "fd63::2\tweb.example.org web\n");
  EXPECT_EQ(hosts_content({.addresses = {}, .hostname = "web", .ipv6 = false}), "127.0.0.1\tlocalhost\n");
}

TEST(Hosts, AddHost) {
  EXPECT_EQ(parse_add_host("db:192.0.2.7", "").address, "192.0.2.7");
  EXPECT_EQ(parse_add_host("db=[2001:db8::7]", "").address, "2001:db8::7");
  EXPECT_EQ(parse_add_host("db:2001:db8::7", "").address, "2001:db8::7");
  EXPECT_EQ(parse_add_host("host.docker.internal:host-gateway", "10.219.0.1").address, "10.219.0.1");
  for (const char* bad : {"", "db", ":192.0.2.7", "db:", "db:localhost", "a b:192.0.2.7",
                          "a\n1.2.3.4 b:192.0.2.7", "a:192.0.2.7\n1.2.3.4 b", "a#:192.0.2.7"})
    EXPECT_THROW(parse_add_host(bad, ""), Error) << bad;
}

TEST(Hosts, NamesCannotAddLines) {
  for (const char* bad : {"x\ny", "x y", "x#", "-x", "x-", "x..y", "", "."})
    EXPECT_THROW(hostname_content(bad), Error) << bad;
  EXPECT_EQ(hostname_content("0123456789ab"), "0123456789ab\n");
  EXPECT_THROW(hostname_content(std::string(65, 'a')), Error);
  EXPECT_THROW(hosts_content({.addresses = {Address()}, .hostname = "x\n1.2.3.4 y"}), Error);
}

}  // namespace
}  // namespace crunlite::net
