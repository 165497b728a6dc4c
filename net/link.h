// SPDX-License-Identifier: Apache-2.0
// Interfaces, addresses and routes as rtnetlink messages (rtnetlink(7), <linux/if_link.h>), and the lists of
// what the machine has. Each function builds one message; the caller decides which go into one transaction.
#pragma once

#include <string>
#include <vector>

#include "net/address.h"
#include "net/netlink.h"

namespace crunlite::net {

using Mac = std::array<uint8_t, 6>;
// 02:63 (locally administered) and the IPv4 address: a reused address keeps its MAC, so that no neighbour's
// ARP cache is wrong.
Mac mac_for(const Address& ipv4);

// The name of the only interface of a container, and its index there: lo is 1 in every new namespace, so
// that the address and routes can name it without asking.
inline constexpr const char* kContainerInterface = "eth0";
inline constexpr uint32_t kContainerIndex = 2;

struct BridgeSpec {
  std::string name;
  Mac mac{};  // given, because a bridge without one takes its lowest port's and changes with the containers
  uint32_t mtu = 1500;
};
Message create_bridge(const BridgeSpec& bridge);

struct VethSpec {
  std::string name;  // our end
  uint32_t bridge_index = 0;
  int netns = -1;  // where the other end, kContainerInterface, is born
  Mac container_mac{};
  uint32_t mtu = 1500;
};
// Both ends down, ours already a port of the bridge.
Message create_veth(const VethSpec& veth);
// A line of text that `ip link` shows. The kernel ignores one that comes with the creation.
Message set_alias(const std::string& name, const std::string& alias);
// Our end up, with hairpin mode (a container reaches its own published port: with bridge-nf the rewritten
// frame goes out of the port that it came in by) and no IPv6 address of its own.
Message set_port_up(const std::string& name);

Message set_link_up(uint32_t index, const std::string& name);
Message set_master(const std::string& name, uint32_t bridge_index);
// Down and no longer a port of its bridge: takes half a millisecond, where deleting a veth takes 20 (RCU
// grace periods). The interface itself goes with the namespace of its other end.
Message disconnect_link(const std::string& name);
Message delete_link(const std::string& name);

struct InterfaceAddress {
  uint32_t index = 0;
  std::string interface;  // for messages
  Address address;
  uint8_t prefix = 0;
};
// Without duplicate address detection: we are the only ones who give out addresses here.
Message add_address(const InterfaceAddress& address);
Message add_default_route(const Address& gateway, uint32_t index);

struct LinkInfo {
  uint32_t index = 0;
  std::string name;
  std::string alias;
  std::string kind;
  uint32_t mtu = 0;
  bool up = false;
};
std::vector<LinkInfo> list_links(Netlink& route);
// The index of an interface of the calling thread's namespace; 0: there is none.
uint32_t link_index(const std::string& name);

struct RouteInfo {
  Subnet destination;  // prefix 0: a default route
  uint32_t interface_index = 0;
  uint32_t metric = 0;
};
// Of the main table.
std::vector<RouteInfo> list_routes(Netlink& route, Family family);

}  // namespace crunlite::net
