// SPDX-License-Identifier: Apache-2.0
// nf_tables objects as nfnetlink messages (<linux/netfilter/nf_tables.h>): tables, chains, rules, maps and
// their elements, collected into one batch that the kernel applies as a whole or not at all. A rule reads
// like a line of nft(8). Which rules there are is decided in firewall.cc.
#pragma once

#include <linux/netfilter/nf_tables.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/netlink.h"

namespace crunlite::net {

// Data types as nft(8) numbers them (nftables: include/datatype.h); only so that `nft list` prints our maps
// readably.
enum class NftType : uint32_t { kIpv4 = 7, kIpv6 = 8, kProtocol = 12, kService = 13, kIfname = 41 };
uint32_t nft_type_of(std::initializer_list<NftType> fields);  // a concatenation
// The bytes of one concatenated key or value: each field is padded to the kernel's 4-byte registers.
class NftKey {
 public:
  NftKey& protocol(uint8_t number);
  NftKey& address(const Address& address);
  NftKey& port(uint16_t port);
  NftKey& ifname(std::string_view name);
  Bytes bytes() const { return bytes_; }

 private:
  NftKey& field(Bytes value);
  std::vector<uint8_t> bytes_;
};

// A rule: expressions that are evaluated from left to right until one says no. Each match leaves its value
// in register 0; concatenated keys use the following ones.
class NftRule {
 public:
  // Matches.
  NftRule& iifname(std::string_view name) { return interface(NFT_META_IIFNAME, NFT_CMP_EQ, name); }
  NftRule& iifname_not(std::string_view name) { return interface(NFT_META_IIFNAME, NFT_CMP_NEQ, name); }
  NftRule& oifname(std::string_view name) { return interface(NFT_META_OIFNAME, NFT_CMP_EQ, name); }
  NftRule& oifname_not(std::string_view name) { return interface(NFT_META_OIFNAME, NFT_CMP_NEQ, name); }
  NftRule& iifname_in(std::string_view set);
  NftRule& oifname_in(std::string_view set);
  NftRule& family(Family family);
  NftRule& source_in(const Subnet& subnet) { return subnet_match(Side::kSource, NFT_CMP_EQ, subnet); }
  NftRule& source_not_in(const Subnet& subnet) { return subnet_match(Side::kSource, NFT_CMP_NEQ, subnet); }
  NftRule& destination_in(const Subnet& subnet) {
    return subnet_match(Side::kDestination, NFT_CMP_EQ, subnet);
  }
  NftRule& destination_is_not_local();  // fib daddr type != local
  NftRule& icmpv6_type(uint8_t type);
  NftRule& ct_state_none_of(uint32_t states) { return ct_bits(NFT_CT_STATE, NFT_CMP_EQ, states); }
  NftRule& ct_status_none_of(uint32_t bits) { return ct_bits(NFT_CT_STATUS, NFT_CMP_EQ, bits); }
  NftRule& ct_status_any_of(uint32_t bits) { return ct_bits(NFT_CT_STATUS, NFT_CMP_NEQ, bits); }

  // Statements.
  NftRule& drop() { return verdict(0 /* NF_DROP */, {}); }
  NftRule& leave_chain() { return verdict(NFT_RETURN, {}); }
  NftRule& jump(std::string_view chain) { return verdict(NFT_JUMP, chain); }
  NftRule& masquerade();
  // dnat to meta l4proto [. ip daddr] . th dport map @map; no entry, no rewriting.
  enum class KeyHas { kAddressAndPort, kPort };
  NftRule& dnat_by_map(std::string_view map, Family family, KeyHas key);

  // Writes NFTA_RULE_EXPRESSIONS.
  void write(Message& message) const;

 private:
  enum class Side { kSource, kDestination };
  struct Expression {
    std::string name;
    std::function<void(Message&)> body;
  };
  NftRule& add(std::string name, std::function<void(Message&)> body);
  NftRule& meta(uint32_t key, uint32_t to);
  NftRule& payload(uint32_t base, uint32_t offset, uint32_t length, uint32_t to);
  NftRule& compare(nft_cmp_ops op, Bytes value);
  NftRule& mask(Bytes mask);
  NftRule& load_address(Side side, Family family, uint32_t to);
  NftRule& interface(uint32_t key, nft_cmp_ops op, std::string_view name);
  NftRule& lookup(std::string_view set, bool map);
  NftRule& subnet_match(Side side, nft_cmp_ops op, const Subnet& subnet);
  NftRule& ct_bits(nft_ct_keys key, nft_cmp_ops op, uint32_t bits);
  NftRule& verdict(int code, std::string_view chain);

  std::vector<Expression> expressions_;
};

struct NftHook {
  std::string type;   // "filter" or "nat"
  uint32_t hook = 0;  // NF_INET_*
  int32_t priority = 0;
};

struct NftSet {
  std::string name;
  uint32_t key_type = 0;
  uint32_t key_length = 0;
  uint32_t value_type = 0;  // 0: a set, not a map
  uint32_t value_length = 0;
};

struct NftElement {
  NftKey key;
  NftKey value;
  std::string comment;
};

// Messages for one table of the family inet.
class NftBatch {
 public:
  explicit NftBatch(std::string table) : table_(std::move(table)) {}

  NftBatch& add_table();
  NftBatch& delete_table();
  NftBatch& add_chain(std::string_view name);
  NftBatch& add_chain(std::string_view name, const NftHook& hook);
  NftBatch& add_set(const NftSet& set);
  NftBatch& add_rule(std::string_view chain, const NftRule& rule);
  NftBatch& add_element(std::string_view set, const NftElement& element);
  NftBatch& delete_element(std::string_view set, const NftKey& key);

  bool empty() const { return messages_.empty(); }
  // All or nothing. Throws SysError.
  void commit(Netlink& netfilter) &&;

 private:
  Message& begin(std::string what, uint16_t type, uint16_t flags);
  std::string table_;
  std::vector<Message> messages_;
  uint32_t sets_ = 0;
};

struct NftChain {
  std::string_view family;  // "ip", "ip6" or "inet"
  std::string table;
  std::string name;
};
// The chains of every table that forwarded packets pass and whose policy is to drop.
std::vector<NftChain> nft_forward_chains_that_drop(Netlink& netfilter);

// Whether inet TABLE exists.
bool nft_has_table(Netlink& netfilter, std::string_view table);

}  // namespace crunlite::net
