// SPDX-License-Identifier: Apache-2.0
#include "net/bridge_network.h"

#include <net/if.h>

#include <algorithm>

#include "base/error.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nft.h"
namespace crunlite::net {
namespace {

constexpr uint32_t kDefaultMtu = 1500;
constexpr uint32_t kSmallestMtu = 1280;  // of IPv6, RFC 8200 §5

const LinkInfo* find_link(const std::vector<LinkInfo>& links, uint32_t index) {
  const auto link =
      std::find_if(links.begin(), links.end(), [&](const LinkInfo& l) { return l.index == index; });
  return link == links.end() ? nullptr : &*link;
}

// That of the interface that packets leave by, so that none has to be fragmented on the way.
uint32_t choose_mtu(const std::vector<RouteInfo>& routes, const std::vector<LinkInfo>& links) {
  const RouteInfo* best = nullptr;
  for (const RouteInfo& route : routes)
    if (route.destination.prefix == 0 && (!best || route.metric < best->metric)) best = &route;
  const LinkInfo* link = best ? find_link(links, best->interface_index) : nullptr;
  return link && link->mtu >= kSmallestMtu && link->mtu <= UINT16_MAX ? link->mtu : kDefaultMtu;
}

// The first candidate that nothing on this host routes to.
Subnet choose_subnet(const std::vector<std::string>& candidates, const std::vector<RouteInfo>& routes,
                     const std::vector<LinkInfo>& links) {
  std::vector<std::string> conflicts;
  for (const std::string& text : candidates) {
    const auto subnet = Subnet::parse(text);
    if (!subnet) throw Error(ErrorKind::kConfig, "network: not a subnet: ", quote(text));
    const auto taken = std::find_if(routes.begin(), routes.end(), [&](const RouteInfo& route) {
      return route.destination.prefix != 0 && route.destination.overlaps(*subnet);
    });
    if (taken == routes.end()) return *subnet;
    const LinkInfo* link = find_link(links, taken->interface_index);
    conflicts.push_back(cat(text, " overlaps the route ", taken->destination.to_string(), " of ",
                            link ? link->name : "another interface"));
  }
  throw Error(ErrorKind::kConfig, "no free subnet for containers: ", join(conflicts, "; "))
      .with_remedy("set another subnet in config.yaml");
}

// Tells our bridge from others of the same name, and from that of a crun-lite with another state directory.
// `ip link` shows it.
std::string bridge_alias(const NetworkConfig& config) {
  return cat("crun-lite ", config.state_dir);
}

bool has_ipv6(const Proc& proc) {
  return read_sysctl(proc, "net/ipv6/conf/all/disable_ipv6") == "0";
}

// One of ours whose namespace the kernel has not finished to remove.
bool is_dying_veth(const LinkInfo& link) {
  return is_container_id(link.alias) && link.name == link_name(link.alias);
}

// Decides everything; changes nothing.
BridgeNetwork plan_network(Host& host, const NetworkConfig& config) {
  if (config.bridge.empty() || config.bridge.size() >= IFNAMSIZ ||
      config.bridge.find_first_of("/: \t\n") != std::string::npos)
    throw Error(ErrorKind::kConfig, "network: not an interface name: ", quote(config.bridge));
  const std::vector<LinkInfo> links = list_links(host.route);
  for (const LinkInfo& link : links)
    if (link.name == config.bridge && link.alias != bridge_alias(config))
      throw Error(ErrorKind::kExists, "there is an interface ", config.bridge, " that is not crun-lite's",
                  link.alias.empty() ? "" : cat(" (", printable(link.alias), ')'))
          .with_remedy("set another bridge name in config.yaml, or remove that interface");

  BridgeNetwork network{.bridge = config.bridge, .alias = bridge_alias(config)};
  network.table = config.bridge == NetworkConfig().bridge ? "crun-lite" : cat("crun-lite-", config.bridge);
  for (const LinkInfo& link : links)
    if (link.name != "lo" && link.name != config.bridge && !is_dying_veth(link))
      network.interfaces.push_back(link.name);

  const std::vector<RouteInfo> routes = list_routes(host.route, Family::kIpv4);
  network.mtu = config.mtu != 0 ? config.mtu : choose_mtu(routes, links);
  network.subnets.push_back(choose_subnet(config.ipv4_subnets, routes, links));
  network.changes = plan_ipv4_forwarding(host.proc, network.interfaces);
  if (!network.changes.empty()) network.not_routed.push_back(Family::kIpv4);

  if (config.ipv6_subnets.empty() || !has_ipv6(host.proc)) return network;
  network.subnets.push_back(
      choose_subnet(config.ipv6_subnets, list_routes(host.route, Family::kIpv6), links));
  const auto ipv6_changes = plan_ipv6_forwarding(host.proc, network.interfaces);
  if (!ipv6_changes.empty()) network.not_routed.push_back(Family::kIpv6);
  network.changes.insert(network.changes.end(), ipv6_changes.begin(), ipv6_changes.end());
  return network;
}

// The bridge, still down. One that is left from a crash is taken over.
void create_bridge_link(Host& host, const BridgeNetwork& network) {
  if (link_index(network.bridge) != 0) return;
  const BridgeSpec bridge{
      .name = network.bridge, .mac = mac_for(network.gateway(network.subnets.front())), .mtu = network.mtu};
  std::vector<Message> messages;
  messages.push_back(create_bridge(bridge));
  messages.push_back(set_alias(network.bridge, network.alias));
  host.route.transact(std::move(messages));
}

// Returns whether 127.0.0.0/8 may leave by the bridge.
bool configure_bridge(Host& host, const BridgeNetwork& network) {
  const std::string ipv6 = cat("net/ipv6/conf/", network.bridge);
  if (read_sysctl(host.proc, cat(ipv6, "/disable_ipv6"))) {
    write_sysctl(host.proc, cat(ipv6, "/accept_ra"), "0");
    if (network.subnets.size() > 1) {
      enable_ipv6(host.proc, network.bridge);
    } else {
      write_sysctl(host.proc, cat(ipv6, "/disable_ipv6"), "1");
    }
  }
  // Refused where /proc/sys is read-only (crun-lite in a container): then LoopbackForwarder does 127.0.0.1.
  const std::string route_localnet = cat("net/ipv4/conf/", network.bridge, "/route_localnet");
  if (read_sysctl(host.proc, route_localnet) == "1") return true;
  return host.proc.write_file(cat("sys/", route_localnet).c_str(), "1").ok();
}

void bring_bridge_up(Host& host, const BridgeNetwork& network) {
  const uint32_t index = link_index(network.bridge);
  for (const Subnet& subnet : network.subnets) {
    std::vector<Message> messages;
    messages.push_back(add_address({.index = index,
                                    .interface = network.bridge,
                                    .address = network.gateway(subnet),
                                    .prefix = subnet.prefix}));
    try {
      host.route.transact(std::move(messages));
    } catch (const SysError& error) {
      if (error.error() != EEXIST) throw;
    }
  }
  std::vector<Message> messages;
  messages.push_back(set_link_up(index, network.bridge));
  host.route.transact(std::move(messages));
}

// Ports of a bridge that somebody has deleted and that was made anew.
void put_ports_back(Host& host, const BridgeNetwork& network, const std::vector<Record>& records) {
  const uint32_t bridge = link_index(network.bridge);
  for (const Record& record : records) {
    if (record.link.empty() || link_index(record.link) == 0) continue;
    std::vector<Message> messages;
    messages.push_back(set_master(record.link, bridge));
    messages.push_back(set_port_up(record.link));
    host.route.transact(std::move(messages));
  }
}

void forward_packets(Host& host, const BridgeNetwork& network) {
  try {
    apply_changes(host.proc, network.changes);
  } catch (Error& error) {
    throw error.with_remedy("switch IP forwarding on: sysctl -w net.ipv4.ip_forward=1");
  }
}

}  // namespace

Host Host::open() {
  return {.proc = check(Proc::open(), "open /proc"),
          .route = Netlink::open(NETLINK_ROUTE),
          .netfilter = Netlink::open(NETLINK_NETFILTER)};
}

void repair_bridge_network(Host& host, NetState& state, const BridgeNetwork& network) {
  const std::vector<Record> records = state.records();
  create_bridge_link(host, network);
  FirewallPlan plan{.table = network.table, .bridge = network.bridge, .subnets = network.subnets};
  plan.loopback = configure_bridge(host, network);
  plan.not_routed = {.interfaces = network.interfaces, .families = network.not_routed};
  std::vector<Publication> publications;
  for (const Record& record : records)
    publications.push_back({record.container_id, record.ports, record.addresses});
  // Before the bridge is up and before anything is forwarded (SECURITY P12).
  install_firewall(host.netfilter, plan, publications);
  bring_bridge_up(host, network);
  put_ports_back(host, network, records);
  forward_packets(host, network);
}

BridgeNetwork ensure_bridge_network(Host& host, NetState& state, const NetworkConfig& config) {
  std::optional<BridgeNetwork> network = state.bridge();
  if (network && link_index(network->bridge) != 0 && nft_has_table(host.netfilter, network->table))
    return std::move(*network);
  if (!network) {
    network = plan_network(host, config);
    state.write(*network);
  }
  with_context("set up the container network", [&] { repair_bridge_network(host, state, *network); });
  return std::move(*network);
}

std::vector<std::string> forwarding_warnings(Host& host, const BridgeNetwork& network) {
  std::vector<std::string> warnings;
  for (const NftChain& chain : nft_forward_chains_that_drop(host.netfilter)) {
    if (chain.table == network.table) continue;
    const std::string place = cat(chain.family, ' ', printable(chain.table), ' ', printable(chain.name));
    warnings.push_back(cat("the firewall's chain ", place,
                           " drops what it does not know, perhaps also what comes from and to containers; "
                           "to let it through: nft insert rule ",
                           place, " iifname ", network.bridge, " accept; nft insert rule ", place,
                           " oifname ", network.bridge, " accept"));
  }
  return warnings;
}

void try_step(std::vector<std::string>& problems, const std::function<void()>& step) {
  try {
    step();
  } catch (const std::exception& error) {
    problems.emplace_back(error.what());
  }
}

bool remove_bridge_network_if_unused(Host& host, NetState& state, std::vector<std::string>& problems) {
  const std::vector<Record> records = state.records();
  if (std::any_of(records.begin(), records.end(), [](const Record& r) { return !r.link.empty(); }))
    return false;
  const std::optional<BridgeNetwork> network = state.bridge();
  if (!network) return false;
  const size_t before = problems.size();
  // The reverse of making it: while packets are forwarded the rules stand.
  try_step(problems, [&] { revert_changes(host.proc, network->changes); });
  try_step(problems, [&] {
    if (link_index(network->bridge) == 0) return;
    std::vector<Message> messages;
    messages.push_back(delete_link(network->bridge));
    host.route.transact(std::move(messages));
  });
  try_step(problems, [&] { remove_firewall(host.netfilter, network->table); });
  // What could not be removed stays on record for the next attempt.
  if (problems.size() == before) try_step(problems, [&] { state.remove_bridge(); });
  return problems.size() == before;
}

}  // namespace crunlite::net
