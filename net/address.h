// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses and subnets as values: parse, print, compare, count. Nothing here asks the machine
// or a name server.
#pragma once

#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace crunlite::net {

enum class Family : uint8_t { kIpv4 = AF_INET, kIpv6 = AF_INET6 };

class Address {
 public:
  Address() = default;  // 0.0.0.0
  static Address any(Family family);
  static Address loopback(Family family);
  // Network byte order; 4 bytes for IPv4, 16 for IPv6.
  static Address from_bytes(std::span<const uint8_t> bytes);
  // inet_pton(3): no zone, no leading zeros, no prefix length.
  static std::optional<Address> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_ipv4() const { return family_ == Family::kIpv4; }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), is_ipv4() ? size_t{4} : size_t{16}}; }
  bool is_any() const { return *this == any(family_); }
  bool is_loopback() const;    // 127.0.0.0/8 or ::1
  bool is_link_local() const;  // 169.254.0.0/16 or fe80::/10
  std::string to_string() const;

  auto operator<=>(const Address&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<uint8_t, 16> bytes_{};
};

// "0.0.0.0:5000", "[::]:5000".
std::string endpoint_text(const Address& address, uint16_t port);

// For bind(2) and connect(2).
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const;
};
SocketAddress socket_address(const Address& address, uint16_t port);

struct Subnet {
  Address base;  // host bits are zero
  uint8_t prefix = 0;

  // "10.219.0.0/16"; host bits must be zero.
  static std::optional<Subnet> parse(std::string_view text);
  bool contains(const Address& address) const;
  bool overlaps(const Subnet& other) const;
  // How many addresses `host` can number, at most 2^16 in IPv6.
  uint32_t size() const;
  // The address with that number: host(0) is the base. Throws nothing; numbers beyond size() wrap.
  Address host(uint32_t number) const;
  std::string to_string() const;

  bool operator==(const Subnet&) const = default;
};

}  // namespace crunlite::net
