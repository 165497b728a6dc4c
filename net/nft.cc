// SPDX-License-Identifier: Apache-2.0
#include "net/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "base/error.h"

namespace crunlite::net {
namespace {

// Registers of 4 bytes; 0 holds the value of a plain match.
uint32_t reg(uint32_t number) {
  return NFT_REG32_00 + number;
}

uint32_t words(size_t bytes) {
  return static_cast<uint32_t>((bytes + 3) / 4);
}

std::array<uint8_t, IFNAMSIZ> padded_name(std::string_view name) {
  std::array<uint8_t, IFNAMSIZ> bytes{};
  std::copy_n(name.begin(), std::min(name.size(), bytes.size() - 1), bytes.begin());
  return bytes;
}

void put_value(Message& message, uint16_t attribute, Bytes value) {
  message.nest(attribute, [&](Message& data) { data.put(NFTA_DATA_VALUE, value); });
}

nfgenmsg generic_header(uint8_t family, uint16_t resource) {
  return {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
}

Message batch_edge(uint16_t type) {
  Message message("nftables batch", type, 0);
  message.header(generic_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return message;
}

}  // namespace

uint32_t nft_type_of(std::initializer_list<NftType> fields) {
  constexpr int kBitsPerField = 6;  // nftables: TYPE_BITS
  uint32_t type = 0;
  for (const NftType field : fields) type = type << kBitsPerField | static_cast<uint32_t>(field);
  return type;
}

NftKey& NftKey::field(Bytes value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  bytes_.resize(size_t{4} * words(bytes_.size()));
  return *this;
}

NftKey& NftKey::protocol(uint8_t number) {
  return field(bytes_of(number));
}
NftKey& NftKey::address(const Address& address) {
  return field(address.bytes());
}
NftKey& NftKey::port(uint16_t port) {
  const uint16_t network_order = htons(port);
  return field(bytes_of(network_order));
}
NftKey& NftKey::ifname(std::string_view name) {
  return field(padded_name(name));
}

NftRule& NftRule::add(std::string name, std::function<void(Message&)> body) {
  expressions_.push_back({std::move(name), std::move(body)});
  return *this;
}

NftRule& NftRule::meta(uint32_t key, uint32_t to) {
  return add("meta", [=](Message& m) { m.put_be32(NFTA_META_KEY, key).put_be32(NFTA_META_DREG, reg(to)); });
}

NftRule& NftRule::payload(uint32_t base, uint32_t offset, uint32_t length, uint32_t to) {
  return add("payload", [=](Message& m) {
    m.put_be32(NFTA_PAYLOAD_DREG, reg(to))
        .put_be32(NFTA_PAYLOAD_BASE, base)
        .put_be32(NFTA_PAYLOAD_OFFSET, offset)
        .put_be32(NFTA_PAYLOAD_LEN, length);
  });
}

NftRule& NftRule::compare(nft_cmp_ops op, Bytes value) {
  return add("cmp", [op, copy = std::vector<uint8_t>(value.begin(), value.end())](Message& m) {
    m.put_be32(NFTA_CMP_SREG, reg(0)).put_be32(NFTA_CMP_OP, op);
    put_value(m, NFTA_CMP_DATA, copy);
  });
}

NftRule& NftRule::mask(Bytes mask) {
  return add("bitwise", [copy = std::vector<uint8_t>(mask.begin(), mask.end())](Message& m) {
    m.put_be32(NFTA_BITWISE_SREG, reg(0))
        .put_be32(NFTA_BITWISE_DREG, reg(0))
        .put_be32(NFTA_BITWISE_LEN, static_cast<uint32_t>(copy.size()));
    put_value(m, NFTA_BITWISE_MASK, copy);
    put_value(m, NFTA_BITWISE_XOR, std::vector<uint8_t>(copy.size(), 0));
  });
}

NftRule& NftRule::load_address(Side side, Family family, uint32_t to) {
  // Offsets of the addresses in struct iphdr and struct ipv6hdr.
  const bool ipv4 = family == Family::kIpv4;
  const uint32_t source = ipv4 ? 12 : 8;
  const uint32_t size = ipv4 ? 4 : 16;
  return payload(NFT_PAYLOAD_NETWORK_HEADER, side == Side::kSource ? source : source + size, size, to);
}

NftRule& NftRule::interface(uint32_t key, nft_cmp_ops op, std::string_view name) {
  return meta(key, 0).compare(op, padded_name(name));
}

NftRule& NftRule::lookup(std::string_view set, bool map) {
  return add("lookup", [name = std::string(set), map](Message& m) {
    m.put_string(NFTA_LOOKUP_SET, name).put_be32(NFTA_LOOKUP_SREG, reg(0));
    if (map) m.put_be32(NFTA_LOOKUP_DREG, reg(0));
  });
}

NftRule& NftRule::iifname_in(std::string_view set) {
  return meta(NFT_META_IIFNAME, 0).lookup(set, false);
}
NftRule& NftRule::oifname_in(std::string_view set) {
  return meta(NFT_META_OIFNAME, 0).lookup(set, false);
}

NftRule& NftRule::family(Family family) {
  const uint8_t number = family == Family::kIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return meta(NFT_META_NFPROTO, 0).compare(NFT_CMP_EQ, bytes_of(number));
}

NftRule& NftRule::subnet_match(Side side, nft_cmp_ops op, const Subnet& subnet) {
  std::array<uint8_t, 16> bits{};
  for (size_t i = 0; i < subnet.prefix; ++i) bits[i / 8] |= static_cast<uint8_t>(0x80 >> i % 8);
  const size_t size = subnet.base.bytes().size();
  family(subnet.base.family()).load_address(side, subnet.base.family(), 0);
  if (subnet.prefix < size * 8) mask({bits.data(), size});
  return compare(op, subnet.base.bytes());
}

NftRule& NftRule::destination_is_not_local() {
  add("fib", [](Message& m) {
    m.put_be32(NFTA_FIB_DREG, reg(0))
        .put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE)
        .put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
  const uint32_t local = RTN_LOCAL;
  return compare(NFT_CMP_NEQ, bytes_of(local));
}

NftRule& NftRule::icmpv6_type(uint8_t type) {
  const uint8_t protocol = IPPROTO_ICMPV6;
  return meta(NFT_META_L4PROTO, 0)
      .compare(NFT_CMP_EQ, bytes_of(protocol))
      .payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0)
      .compare(NFT_CMP_EQ, bytes_of(type));
}

NftRule& NftRule::ct_bits(nft_ct_keys key, nft_cmp_ops op, uint32_t bits) {
  add("ct", [=](Message& m) { m.put_be32(NFTA_CT_KEY, key).put_be32(NFTA_CT_DREG, reg(0)); });
  const uint32_t none = 0;
  return mask(bytes_of(bits)).compare(op, bytes_of(none));
}

NftRule& NftRule::verdict(int code, std::string_view chain) {
  return add("immediate", [code, name = std::string(chain)](Message& m) {
    m.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT).nest(NFTA_IMMEDIATE_DATA, [&](Message& data) {
      data.nest(NFTA_DATA_VERDICT, [&](Message& verdict) {
        verdict.put_be32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
        if (!name.empty()) verdict.put_string(NFTA_VERDICT_CHAIN, name);
      });
    });
  });
}

NftRule& NftRule::masquerade() {
  return add("masq", [](Message&) {});
}

NftRule& NftRule::dnat_by_map(std::string_view map, Family family, KeyHas key) {
  const uint32_t address_words = words(Address::any(family).bytes().size());
  this->family(family).meta(NFT_META_L4PROTO, 0);
  uint32_t next = 1;
  if (key == KeyHas::kAddressAndPort) {
    load_address(Side::kDestination, family, next);
    next += address_words;
  }
  // The destination port stands at the same place in TCP, UDP and SCTP headers; other protocols have no
  // entry.
  payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, next);
  lookup(map, true);
  return add("nat", [=](Message& m) {
    m.put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
        .put_be32(NFTA_NAT_FAMILY, family == Family::kIpv4 ? uint32_t{NFPROTO_IPV4} : uint32_t{NFPROTO_IPV6})
        .put_be32(NFTA_NAT_REG_ADDR_MIN, reg(0))
        .put_be32(NFTA_NAT_REG_PROTO_MIN, reg(address_words));
  });
}

void NftRule::write(Message& message) const {
  message.nest(NFTA_RULE_EXPRESSIONS, [&](Message& list) {
    for (const Expression& expression : expressions_)
      list.nest(NFTA_LIST_ELEM, [&](Message& element) {
        element.put_string(NFTA_EXPR_NAME, expression.name).nest(NFTA_EXPR_DATA, expression.body);
      });
  });
}

Message& NftBatch::begin(std::string what, uint16_t type, uint16_t flags) {
  messages_.emplace_back(std::move(what), static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags);
  return messages_.back().header(generic_header(NFPROTO_INET, 0));
}

NftBatch& NftBatch::add_table() {
  begin(cat("add nftables table inet ", table_), NFT_MSG_NEWTABLE, NLM_F_CREATE)
      .put_string(NFTA_TABLE_NAME, table_);
  return *this;
}

NftBatch& NftBatch::delete_table() {
  begin(cat("delete nftables table inet ", table_), NFT_MSG_DELTABLE, 0).put_string(NFTA_TABLE_NAME, table_);
  return *this;
}

NftBatch& NftBatch::add_chain(std::string_view name) {
  begin(cat("add nftables chain ", name), NFT_MSG_NEWCHAIN, NLM_F_CREATE)
      .put_string(NFTA_CHAIN_TABLE, table_)
      .put_string(NFTA_CHAIN_NAME, name);
  return *this;
}

NftBatch& NftBatch::add_chain(std::string_view name, const NftHook& hook) {
  begin(cat("add nftables chain ", name), NFT_MSG_NEWCHAIN, NLM_F_CREATE)
      .put_string(NFTA_CHAIN_TABLE, table_)
      .put_string(NFTA_CHAIN_NAME, name)
      .put_string(NFTA_CHAIN_TYPE, hook.type)
      .nest(NFTA_CHAIN_HOOK, [&](Message& m) {
        m.put_be32(NFTA_HOOK_HOOKNUM, hook.hook)
            .put_be32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(hook.priority));
      });
  return *this;
}

NftBatch& NftBatch::add_set(const NftSet& set) {
  Message& message = begin(cat("add nftables set ", set.name), NFT_MSG_NEWSET, NLM_F_CREATE);
  message.put_string(NFTA_SET_TABLE, table_)
      .put_string(NFTA_SET_NAME, set.name)
      .put_be32(NFTA_SET_ID, ++sets_)
      .put_be32(NFTA_SET_FLAGS, set.value_type != 0 ? uint32_t{NFT_SET_MAP} : 0)
      .put_be32(NFTA_SET_KEY_TYPE, set.key_type)
      .put_be32(NFTA_SET_KEY_LEN, set.key_length);
  if (set.value_type != 0)
    message.put_be32(NFTA_SET_DATA_TYPE, set.value_type).put_be32(NFTA_SET_DATA_LEN, set.value_length);
  return *this;
}

NftBatch& NftBatch::add_rule(std::string_view chain, const NftRule& rule) {
  Message& message =
      begin(cat("add a rule to nftables chain ", chain), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  message.put_string(NFTA_RULE_TABLE, table_).put_string(NFTA_RULE_CHAIN, chain);
  rule.write(message);
  return *this;
}

NftBatch& NftBatch::add_element(std::string_view set, const NftElement& element) {
  // nft(8) shows this as `comment "…"`: type 0, length, text (libnftnl: udata.h). Its limit is 128 bytes.
  const std::string comment = element.comment.substr(0, 120);
  std::string user_data(1, '\0');
  user_data += static_cast<char>(comment.size() + 1);
  user_data += comment;

  begin(cat("add an element to nftables set ", set), NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL)
      .put_string(NFTA_SET_ELEM_LIST_TABLE, table_)
      .put_string(NFTA_SET_ELEM_LIST_SET, set)
      .nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&](Message& list) {
        list.nest(NFTA_LIST_ELEM, [&](Message& m) {
          put_value(m, NFTA_SET_ELEM_KEY, element.key.bytes());
          if (!element.value.bytes().empty()) put_value(m, NFTA_SET_ELEM_DATA, element.value.bytes());
          if (!comment.empty()) m.put_string(NFTA_SET_ELEM_USERDATA, user_data);
        });
      });
  return *this;
}

NftBatch& NftBatch::delete_element(std::string_view set, const NftKey& key) {
  begin(cat("delete an element of nftables set ", set), NFT_MSG_DELSETELEM, 0)
      .put_string(NFTA_SET_ELEM_LIST_TABLE, table_)
      .put_string(NFTA_SET_ELEM_LIST_SET, set)
      .nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&](Message& list) {
        list.nest(NFTA_LIST_ELEM, [&](Message& m) { put_value(m, NFTA_SET_ELEM_KEY, key.bytes()); });
      });
  return *this;
}

void NftBatch::commit(Netlink& netfilter) && {
  if (messages_.empty()) return;
  messages_.back().add_flags(NLM_F_ACK);
  messages_.insert(messages_.begin(), batch_edge(NFNL_MSG_BATCH_BEGIN));
  messages_.push_back(batch_edge(NFNL_MSG_BATCH_END));
  netfilter.transact(std::move(messages_));
}

std::vector<NftChain> nft_forward_chains_that_drop(Netlink& netfilter) {
  constexpr uint32_t kDrop = 0;  // NF_DROP
  const auto family_name = [](uint8_t family) -> std::string_view {
    return family == NFPROTO_INET   ? "inet"
           : family == NFPROTO_IPV4 ? "ip"
           : family == NFPROTO_IPV6 ? "ip6"
                                    : "";
  };
  std::vector<NftChain> chains;
  Message request("list the nftables chains", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0);
  request.header(generic_header(AF_UNSPEC, 0));
  netfilter.dump(std::move(request), [&](const Reply& reply) {
    const Attributes chain = reply.attributes<nfgenmsg>();
    const std::string_view family = family_name(reply.header<nfgenmsg>().nfgen_family);
    const auto hook = chain.nested(NFTA_CHAIN_HOOK).u32(NFTA_HOOK_HOOKNUM);
    if (family.empty() || hook != htonl(NF_INET_FORWARD) || chain.u32(NFTA_CHAIN_POLICY) != htonl(kDrop))
      return;
    chains.push_back({family, chain.string(NFTA_CHAIN_TABLE), chain.string(NFTA_CHAIN_NAME)});
  });
  return chains;
}

bool nft_has_table(Netlink& netfilter, std::string_view table) {
  bool found = false;
  Message request("list the nftables tables", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0);
  request.header(generic_header(NFPROTO_INET, 0));
  netfilter.dump(std::move(request), [&](const Reply& reply) {
    if (reply.attributes<nfgenmsg>().string(NFTA_TABLE_NAME) == table) found = true;
  });
  return found;
}

}  // namespace crunlite::net
