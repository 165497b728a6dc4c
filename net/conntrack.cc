// SPDX-License-Identifier: Apache-2.0
#include "net/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>
#include <cstring>

namespace crunlite::net {
namespace {

// Which fields of a tuple the kernel compares (kernel: net/netfilter/nf_internals.h; Linux 5.8). Older ones
// ignore the filter and list everything, so each answer is checked here too.
constexpr uint32_t kFilterSource = 1u << 0;
constexpr uint32_t kFilterProtocol = 1u << 3;

// The kernel answers each deletion, and the socket's buffer holds a few hundred answers.
constexpr size_t kDeletionsAtOnce = 64;

// UDP connections of one family, wanted or not by a closer look.
struct Selection {
  Family family = Family::kIpv4;
  std::optional<Address> reply_source;   // the kernel looks for it too
  std::vector<uint16_t> original_ports;  // destination ports; only compared here
};

nfgenmsg header_of(Family family) {
  return {.nfgen_family = static_cast<uint8_t>(family), .version = NFNETLINK_V0, .res_id = 0};
}

uint16_t source_attribute(Family family) {
  return family == Family::kIpv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
}

Message list_request(const Selection& selection) {
  Message message("list tracked connections", NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0);
  message.header(header_of(selection.family));
  message.nest(CTA_TUPLE_REPLY, [&](Message& tuple) {
    if (selection.reply_source)
      tuple.nest(CTA_TUPLE_IP, [&](Message& ip) {
        ip.put(source_attribute(selection.family), selection.reply_source->bytes());
      });
    tuple.nest(CTA_TUPLE_PROTO, [](Message& protocol) { protocol.put_u8(CTA_PROTO_NUM, IPPROTO_UDP); });
  });
  message.nest(CTA_FILTER, [&](Message& filter) {
    const uint32_t fields = kFilterProtocol | (selection.reply_source ? kFilterSource : 0);
    filter.put_u32(CTA_FILTER_ORIG_FLAGS, 0).put_u32(CTA_FILTER_REPLY_FLAGS, fields);
  });
  return message;
}

bool equal(const std::optional<Bytes>& value, Bytes wanted) {
  return value && std::equal(value->begin(), value->end(), wanted.begin(), wanted.end());
}

bool matches(const Selection& selection, const Attributes& connection) {
  const Attributes reply = connection.nested(CTA_TUPLE_REPLY);
  const uint8_t udp = IPPROTO_UDP;
  if (!equal(reply.nested(CTA_TUPLE_PROTO).find(CTA_PROTO_NUM), bytes_of(udp))) return false;
  if (selection.reply_source) {
    const auto source = reply.nested(CTA_TUPLE_IP).find(source_attribute(selection.family));
    return equal(source, selection.reply_source->bytes());
  }
  const auto port = connection.nested(CTA_TUPLE_ORIG).nested(CTA_TUPLE_PROTO).find(CTA_PROTO_DST_PORT);
  return std::any_of(selection.original_ports.begin(), selection.original_ports.end(), [&](uint16_t wanted) {
    const uint16_t network_order = htons(wanted);
    return equal(port, bytes_of(network_order));
  });
}

void forget(Netlink& netfilter, const Selection& selection) {
  std::vector<Message> deletions;
  netfilter.dump(list_request(selection), [&](const Reply& reply) {
    const Attributes connection = reply.attributes<nfgenmsg>();
    if (!matches(selection, connection)) return;
    Message deletion("forget a connection", NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0);
    deletion.header(header_of(selection.family));
    deletion.put(CTA_TUPLE_ORIG | NLA_F_NESTED, connection.find(CTA_TUPLE_ORIG).value_or(Bytes{}));
    deletion.put(CTA_ID, connection.find(CTA_ID).value_or(Bytes{}));
    deletions.push_back(std::move(deletion));
  });
  for (size_t i = 0; i < deletions.size(); i += kDeletionsAtOnce) {
    const size_t end = std::min(i + kDeletionsAtOnce, deletions.size());
    const auto at = [&](size_t n) {
      return std::make_move_iterator(deletions.begin() + static_cast<long>(n));
    };
    // One that has ended by itself in between is ENOENT, which is what we want.
    netfilter.attempt(std::vector<Message>(at(i), at(end)));
  }
}

}  // namespace

void forget_udp_to(Netlink& netfilter, const std::vector<Address>& addresses) {
  for (const Address& address : addresses)
    forget(netfilter, {.family = address.family(), .reply_source = address, .original_ports = {}});
}

void forget_udp_clients_of(Netlink& netfilter, const std::vector<PublishedPort>& ports) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    Selection selection{.family = family, .reply_source = {}, .original_ports = {}};
    for (const PublishedPort& port : ports)
      if (port.protocol == Protocol::kUdp && port.host_address.family() == family)
        selection.original_ports.push_back(port.host_port);
    if (!selection.original_ports.empty()) forget(netfilter, selection);
  }
}

}  // namespace crunlite::net
