// SPDX-License-Identifier: Apache-2.0
// Netlink messages (netlink(7), <linux/netlink.h>): built attribute by attribute, sent in one system call,
// answers checked with the kernel's own explanation. Knows no link and no firewall; link.h, nft.h and
// conntrack.h do. Ours rather than libmnl because the static program cannot have it (see docs).
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace crunlite::net {

using Bytes = std::span<const uint8_t>;

// The bytes of a trivially copyable value, for fixed headers and attributes.
template <class T>
Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

// A message while it is being written. Integers are in the host's byte order unless the name says be
// (network order): rtnetlink wants the first, nfnetlink the second.
class Message {
 public:
  // `what` names the operation and its object for error texts: "create bridge crl0".
  Message(std::string what, uint16_t type, uint16_t flags);

  // The family's fixed header (ifinfomsg, nfgenmsg …), directly after the netlink header.
  template <class Header>
  Message& header(const Header& header) {
    return raw(bytes_of(header));
  }
  Message& put(uint16_t attribute, Bytes value);
  Message& put_u8(uint16_t attribute, uint8_t value) { return put(attribute, bytes_of(value)); }
  Message& put_u16(uint16_t attribute, uint16_t value) { return put(attribute, bytes_of(value)); }
  Message& put_u32(uint16_t attribute, uint32_t value) { return put(attribute, bytes_of(value)); }
  Message& put_be16(uint16_t attribute, uint16_t value);
  Message& put_be32(uint16_t attribute, uint32_t value);
  Message& put_flag(uint16_t attribute) { return put(attribute, {}); }
  Message& put_string(uint16_t attribute, std::string_view value);  // with its terminating zero
  // An attribute that holds what `body` writes (NLA_F_NESTED).
  Message& nest(uint16_t attribute, const std::function<void(Message&)>& body);
  // Bytes without an attribute around them: a header inside a nest (VETH_INFO_PEER).
  Message& raw(Bytes bytes);

  const std::string& what() const { return what_; }
  void set_sequence(uint32_t sequence);
  void add_flags(uint16_t flags);
  // With its length filled in.
  Bytes finish();

 private:
  nlmsghdr* head() { return reinterpret_cast<nlmsghdr*>(data_.data()); }
  void pad();

  std::string what_;
  std::vector<uint8_t> data_;
};

// The attributes of a message or nest that was received. Lengths are checked; a short one ends the walk.
class Attributes {
 public:
  explicit Attributes(Bytes data) : data_(data) {}
  // The value of the first such attribute; empty when there is none.
  std::optional<Bytes> find(uint16_t attribute) const;
  Attributes nested(uint16_t attribute) const;
  std::optional<uint32_t> u32(uint16_t attribute) const;
  std::string string(uint16_t attribute) const;
  void each(const std::function<void(uint16_t, Bytes)>& visit) const;

 private:
  Bytes data_;
};

// One answer of a dump.
struct Reply {
  uint16_t type = 0;
  Bytes payload;  // fixed header and attributes
  // The fixed header, zero when the answer is too short, and the attributes behind it.
  template <class Header>
  Header header() const {
    Header header{};
    if (payload.size() >= sizeof header) std::copy_n(payload.data(), sizeof header, as_bytes(header));
    return header;
  }
  template <class Header>
  Attributes attributes() const {
    constexpr size_t kSize = NLMSG_ALIGN(sizeof(Header));
    return Attributes(payload.size() < kSize ? Bytes{} : payload.subspan(kSize));
  }

 private:
  template <class T>
  static uint8_t* as_bytes(T& value) {
    return reinterpret_cast<uint8_t*>(&value);
  }
};

// A netlink socket of the network namespace in which it was opened, whatever setns does later.
class Netlink {
 public:
  // NETLINK_ROUTE or NETLINK_NETFILTER. Throws SysError.
  static Netlink open(int protocol);

  // Sends all with one call; the kernel does them in order. Throws SysError for the first that failed.
  void transact(std::vector<Message> messages);
  // As transact, but tells instead of throwing: one errno per message, 0 where it worked.
  std::vector<int> attempt(std::vector<Message> messages);
  // Calls `visit` for each answer to a request with NLM_F_DUMP. Throws SysError.
  void dump(Message request, const std::function<void(const Reply&)>& visit);

 private:
  struct Failure {
    uint32_t sequence = 0;
    int error = 0;
    std::string explanation;  // NLMSGERR_ATTR_MSG
  };
  explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
  uint32_t send(std::vector<Message>& messages);
  std::vector<Failure> collect();
  size_t receive(bool wait, std::string_view what);

  UniqueFd socket_;
  uint32_t next_sequence_ = 1;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(size_t{64} * 1024);
};

}  // namespace crunlite::net
