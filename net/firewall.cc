// SPDX-License-Identifier: Apache-2.0
#include "net/firewall.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>

#include <algorithm>

#include "base/error.h"
#include "net/nft.h"

namespace crunlite::net {
namespace {

constexpr uint32_t kDstNat = IPS_DST_NAT;
// NF_CT_STATE_BIT() of IP_CT_ESTABLISHED and IP_CT_RELATED, in either direction.
constexpr uint32_t kEstablishedOrRelated = 1u << 1 | 1u << 2;

constexpr NftRule::KeyHas kPort = NftRule::KeyHas::kPort;
constexpr NftRule::KeyHas kAddressAndPort = NftRule::KeyHas::kAddressAndPort;

const char* map_name(Family family, NftRule::KeyHas key) {
  if (family == Family::kIpv4) return key == kPort ? "publish_any4" : "publish_on4";
  return key == kPort ? "publish_any6" : "publish_on6";
}

NftSet map_of(Family family, NftRule::KeyHas key) {
  const NftType type = family == Family::kIpv4 ? NftType::kIpv4 : NftType::kIpv6;
  const auto size = static_cast<uint32_t>(Address::any(family).bytes().size());
  NftSet map{.name = map_name(family, key)};
  map.key_type = key == kPort ? nft_type_of({NftType::kProtocol, NftType::kService})
                              : nft_type_of({NftType::kProtocol, type, NftType::kService});
  map.key_length = 4 + (key == kPort ? 0 : size) + 4;
  map.value_type = nft_type_of({type, NftType::kService});
  map.value_length = size + 4;
  return map;
}

// Before anything else sees a packet, connection tracking and redirection included.
void add_raw_rules(NftBatch& batch, const FirewallPlan& plan) {
  const std::string chain = "raw_prerouting";
  batch.add_chain(chain, {"filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW});
  // Nobody else may talk to our loopback: the redirection below comes before the kernel's own martian check,
  // and route_localnet switches that off on the bridge (SECURITY N1, CVE-2020-8558).
  const Subnet loopback4{Address::parse("127.0.0.0").value(), 8};
  const Subnet loopback6{Address::loopback(Family::kIpv6), 128};
  batch.add_rule(chain, NftRule().iifname_not("lo").destination_in(loopback4).drop());
  batch.add_rule(chain, NftRule().iifname_not("lo").destination_in(loopback6).drop());
  // No router advertisements from containers, to the host or to each other (N5, CVE-2020-13401).
  batch.add_rule(chain, NftRule().iifname(plan.bridge).icmpv6_type(ND_ROUTER_ADVERT).drop());
  for (const Subnet& subnet : plan.subnets) {
    // A neighbour who routes our subnet to us reaches no container by its address (N2).
    batch.add_rule(chain, NftRule().iifname_not(plan.bridge).iifname_not("lo").destination_in(subnet).drop());
    // A container speaks with an address of its network only; in IPv6 link-local ones are part of the
    // protocol, and forged global ones are not routed back here.
    if (subnet.base.is_ipv4())
      batch.add_rule(chain, NftRule().iifname(plan.bridge).source_not_in(subnet).drop());
  }
}

void add_forward_rules(NftBatch& batch, const FirewallPlan& plan) {
  const std::string chain = "forward";
  batch.add_chain(chain, {"filter", NF_INET_FORWARD, NF_IP_PRI_FILTER});
  // Default drop (SECURITY P12): into the bridge comes what we redirected there and answers, nothing else.
  batch.add_rule(chain, NftRule()
                            .iifname_not(plan.bridge)
                            .oifname(plan.bridge)
                            .ct_state_none_of(kEstablishedOrRelated)
                            .ct_status_none_of(kDstNat)
                            .drop());
  // Turning forwarding on for the containers must not make a router of the host.
  if (plan.not_routed.families.empty()) return;
  const char* set = "not_routed";
  batch.add_set({.name = set, .key_type = nft_type_of({NftType::kIfname}), .key_length = 16});
  for (const std::string& name : plan.not_routed.interfaces)
    batch.add_element(set, {.key = NftKey().ifname(name), .value = {}, .comment = {}});
  for (const Family family : plan.not_routed.families)
    batch.add_rule(chain, NftRule().family(family).iifname_in(set).oifname_in(set).drop());
}

// The one place where published ports are redirected, for remote clients (prerouting) and the host (output).
void add_publish_rules(NftBatch& batch, const FirewallPlan& plan) {
  const std::string chain = "publish";
  batch.add_chain(chain);
  batch.add_rule(chain, NftRule().destination_is_not_local().leave_chain());
  const Subnet loopback6{Address::loopback(Family::kIpv6), 128};
  batch.add_rule(chain, NftRule().destination_in(loopback6).leave_chain());
  if (!plan.loopback) {
    const Subnet loopback4{Address::parse("127.0.0.0").value(), 8};
    batch.add_rule(chain, NftRule().destination_in(loopback4).leave_chain());
  }
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const NftRule::KeyHas key : {kAddressAndPort, kPort}) {
      batch.add_set(map_of(family, key));
      batch.add_rule(chain, NftRule().dnat_by_map(map_name(family, key), family, key));
    }
  }
  batch.add_chain("prerouting", {"nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST});
  batch.add_rule("prerouting", NftRule().jump(chain));
  batch.add_chain("output", {"nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST});
  batch.add_rule("output", NftRule().jump(chain));
}

void add_masquerade_rules(NftBatch& batch, const FirewallPlan& plan) {
  const std::string chain = "postrouting";
  batch.add_chain(chain, {"nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC});
  for (const Subnet& subnet : plan.subnets) {
    // Containers go out with the host's address.
    batch.add_rule(chain, NftRule().oifname_not(plan.bridge).source_in(subnet).masquerade());
    // A container at a published port of its own network: the answer has to come back through us.
    batch.add_rule(chain,
                   NftRule().oifname(plan.bridge).source_in(subnet).ct_status_any_of(kDstNat).masquerade());
  }
  // The host at 127.0.0.1: the container sees the bridge's address, never a loopback one (N6,
  // CVE-2021-20199).
  const Subnet loopback4{Address::parse("127.0.0.0").value(), 8};
  batch.add_rule(chain, NftRule().oifname(plan.bridge).source_in(loopback4).masquerade());
}

struct MapEntry {
  const char* map = "";
  NftElement element;
};

std::vector<MapEntry> entries_of(const Publication& publication) {
  std::vector<MapEntry> entries;
  for (const PublishedPort& port : publication.ports) {
    const Family family = port.host_address.family();
    const auto target = std::find_if(publication.addresses.begin(), publication.addresses.end(),
                                     [&](const Address& address) { return address.family() == family; });
    if (target == publication.addresses.end()) continue;
    if (port.host_address == Address::loopback(Family::kIpv6)) continue;
    MapEntry entry;
    const NftRule::KeyHas key = port.host_address.is_any() ? kPort : kAddressAndPort;
    entry.map = map_name(family, key);
    entry.element.key.protocol(static_cast<uint8_t>(port.protocol));
    if (key == kAddressAndPort) entry.element.key.address(port.host_address);
    entry.element.key.port(port.host_port);
    entry.element.value.address(*target).port(port.container_port);
    entry.element.comment = publication.container_id;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

void install_firewall(Netlink& netfilter, const FirewallPlan& plan,
                      const std::vector<Publication>& publications) {
  NftBatch batch(plan.table);
  if (nft_has_table(netfilter, plan.table)) batch.delete_table();
  batch.add_table();
  add_raw_rules(batch, plan);
  add_forward_rules(batch, plan);
  add_publish_rules(batch, plan);
  add_masquerade_rules(batch, plan);
  for (const Publication& publication : publications)
    for (const MapEntry& entry : entries_of(publication)) batch.add_element(entry.map, entry.element);
  std::move(batch).commit(netfilter);
}

void remove_firewall(Netlink& netfilter, const std::string& table) {
  NftBatch batch(table);
  batch.delete_table();
  try {
    std::move(batch).commit(netfilter);
  } catch (const SysError& error) {
    if (error.error() != ENOENT) throw;
  }
}

void publish(Netlink& netfilter, const std::string& table, const Publication& publication) {
  NftBatch batch(table);
  for (const MapEntry& entry : entries_of(publication)) batch.add_element(entry.map, entry.element);
  std::move(batch).commit(netfilter);
}

void unpublish(Netlink& netfilter, const std::string& table, const Publication& publication) {
  // All at once, unless one is missing: such a batch would keep the others.
  const auto commit_if_there = [&](NftBatch batch) {
    try {
      std::move(batch).commit(netfilter);
      return true;
    } catch (const SysError& error) {
      if (error.error() != ENOENT) throw;
      return false;
    }
  };
  const std::vector<MapEntry> entries = entries_of(publication);
  NftBatch all(table);
  for (const MapEntry& entry : entries) all.delete_element(entry.map, entry.element.key);
  if (commit_if_there(std::move(all)) || entries.size() < 2) return;
  for (const MapEntry& entry : entries) {
    NftBatch one(table);
    one.delete_element(entry.map, entry.element.key);
    commit_if_there(std::move(one));
  }
}

}  // namespace crunlite::net
