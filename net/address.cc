// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace crunlite::net {
namespace {

// inet_pton(3) wants a terminated string; the longest address is shorter than this.
constexpr size_t kLongest = INET6_ADDRSTRLEN;

bool bits_equal(std::span<const uint8_t> a, std::span<const uint8_t> b, size_t bits) {
  for (size_t i = 0; i < bits; ++i)
    if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1) return false;
  return true;
}

}  // namespace

Address Address::any(Family family) {
  Address address;
  address.family_ = family;
  return address;
}

Address Address::loopback(Family family) {
  Address address = any(family);
  if (family == Family::kIpv4) address.bytes_[0] = 127;
  address.bytes_[address.bytes().size() - 1] = 1;
  return address;
}

Address Address::from_bytes(std::span<const uint8_t> bytes) {
  Address address = any(bytes.size() == 4 ? Family::kIpv4 : Family::kIpv6);
  std::copy_n(bytes.begin(), std::min(bytes.size(), address.bytes_.size()), address.bytes_.begin());
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  if (text.size() >= kLongest || text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  Address address = any(text.find(':') == text.npos ? Family::kIpv4 : Family::kIpv6);
  const int parsed =
      ::inet_pton(static_cast<int>(address.family_), terminated.c_str(), address.bytes_.data());
  return parsed == 1 ? std::optional(address) : std::nullopt;
}

bool Address::is_loopback() const {
  return is_ipv4() ? bytes_[0] == 127 : *this == loopback(Family::kIpv6);
}

bool Address::is_link_local() const {
  return is_ipv4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string Address::to_string() const {
  char text[kLongest];
  ::inet_ntop(static_cast<int>(family_), bytes_.data(), text, sizeof text);
  return text;
}

std::string endpoint_text(const Address& address, uint16_t port) {
  return address.is_ipv4() ? cat(address.to_string(), ':', port) : cat('[', address.to_string(), "]:", port);
}

const sockaddr* SocketAddress::get() const {
  return reinterpret_cast<const sockaddr*>(&storage);
}

SocketAddress socket_address(const Address& address, uint16_t port) {
  SocketAddress result;
  if (address.is_ipv4()) {
    sockaddr_in in{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes().data(), 16);
    std::memcpy(&result.storage, &in, sizeof in);
    result.size = sizeof in;
  }
  return result;
}

std::optional<Subnet> Subnet::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto base = Address::parse(text.substr(0, slash));
  const auto prefix = parse_number<uint8_t>(text.substr(slash + 1));
  if (!base || !prefix || *prefix > base->bytes().size() * 8) return std::nullopt;
  const Subnet subnet{*base, *prefix};
  if (subnet.host(0) != *base) return std::nullopt;
  for (size_t bit = *prefix; bit < base->bytes().size() * 8; ++bit)
    if ((base->bytes()[bit / 8] >> (7 - bit % 8)) & 1) return std::nullopt;
  return subnet;
}

bool Subnet::contains(const Address& address) const {
  return address.family() == base.family() && bits_equal(base.bytes(), address.bytes(), prefix);
}

bool Subnet::overlaps(const Subnet& other) const {
  return base.family() == other.base.family() &&
         bits_equal(base.bytes(), other.base.bytes(), std::min(prefix, other.prefix));
}

uint32_t Subnet::size() const {
  const size_t host_bits = base.bytes().size() * 8 - prefix;
  return 1u << std::min(host_bits, size_t{16});
}

Address Subnet::host(uint32_t number) const {
  std::array<uint8_t, 16> bytes{};
  const size_t size = base.bytes().size();
  std::copy_n(base.bytes().begin(), size, bytes.begin());
  number %= this->size();
  bytes[size - 1] = static_cast<uint8_t>(bytes[size - 1] | (number & 0xff));
  bytes[size - 2] = static_cast<uint8_t>(bytes[size - 2] | (number >> 8));
  return Address::from_bytes({bytes.data(), size});
}

std::string Subnet::to_string() const {
  return cat(base.to_string(), '/', prefix);
}

}  // namespace crunlite::net
