// SPDX-License-Identifier: Apache-2.0
#include "net/link.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cstring>

#include "base/text.h"

namespace crunlite::net {
namespace {

constexpr uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

ifinfomsg link_header(uint32_t index, bool up) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = up ? unsigned{IFF_UP} : 0;
  header.ifi_change = up ? unsigned{IFF_UP} : 0;
  return header;
}

uint8_t family_number(Family family) {
  return static_cast<uint8_t>(family);
}

}  // namespace

Mac mac_for(const Address& ipv4) {
  Mac mac{0x02, 0x63};
  std::copy_n(ipv4.bytes().begin(), 4, mac.begin() + 2);
  return mac;
}

Message create_bridge(const BridgeSpec& bridge) {
  Message message(cat("create bridge ", bridge.name), RTM_NEWLINK, kCreate);
  message.header(link_header(0, false))
      .put_string(IFLA_IFNAME, bridge.name)
      .put(IFLA_ADDRESS, bridge.mac)
      .put_u32(IFLA_MTU, bridge.mtu)
      .nest(IFLA_LINKINFO, [](Message& info) { info.put_string(IFLA_INFO_KIND, "bridge"); });
  return message;
}

Message create_veth(const VethSpec& veth) {
  const auto peer = [&](Message& data) {
    data.nest(VETH_INFO_PEER, [&](Message& other) {
      other.header(link_header(kContainerIndex, false))
          .put_string(IFLA_IFNAME, kContainerInterface)
          .put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.netns))
          .put(IFLA_ADDRESS, veth.container_mac)
          .put_u32(IFLA_MTU, veth.mtu);
    });
  };
  Message message(cat("create veth ", veth.name, " and ", kContainerInterface, " in the container"),
                  RTM_NEWLINK, kCreate);
  message.header(link_header(0, false))
      .put_string(IFLA_IFNAME, veth.name)
      .put_u32(IFLA_MASTER, veth.bridge_index)
      .put_u32(IFLA_MTU, veth.mtu)
      .nest(IFLA_LINKINFO,
            [&](Message& info) { info.put_string(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, peer); });
  return message;
}

Message set_alias(const std::string& name, const std::string& alias) {
  Message message(cat("name the purpose of ", name), RTM_NEWLINK, 0);
  message.header(link_header(0, false)).put_string(IFLA_IFNAME, name).put_string(IFLA_IFALIAS, alias);
  return message;
}

Message set_port_up(const std::string& name) {
  Message message(cat("bring up bridge port ", name), RTM_NEWLINK, 0);
  message.header(link_header(0, true))
      .put_string(IFLA_IFNAME, name)
      .nest(IFLA_LINKINFO,
            [](Message& info) {
              info.put_string(IFLA_INFO_SLAVE_KIND, "bridge").nest(IFLA_INFO_SLAVE_DATA, [](Message& port) {
                port.put_u8(IFLA_BRPORT_MODE, 1);
              });
            })
      .nest(IFLA_AF_SPEC, [](Message& families) {
        families.nest(AF_INET6,
                      [](Message& ipv6) { ipv6.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
      });
  return message;
}

Message set_link_up(uint32_t index, const std::string& name) {
  Message message(cat("bring up ", name), RTM_NEWLINK, 0);
  message.header(link_header(index, true));
  return message;
}

Message set_master(const std::string& name, uint32_t bridge_index) {
  Message message(cat("make ", name, " a bridge port"), RTM_NEWLINK, 0);
  message.header(link_header(0, false)).put_string(IFLA_IFNAME, name).put_u32(IFLA_MASTER, bridge_index);
  return message;
}

Message disconnect_link(const std::string& name) {
  ifinfomsg header = link_header(0, false);
  header.ifi_change = IFF_UP;
  Message message(cat("disconnect ", name), RTM_NEWLINK, 0);
  message.header(header).put_string(IFLA_IFNAME, name).put_u32(IFLA_MASTER, 0);
  return message;
}

Message delete_link(const std::string& name) {
  Message message(cat("delete link ", name), RTM_DELLINK, 0);
  message.header(link_header(0, false)).put_string(IFLA_IFNAME, name);
  return message;
}

Message add_address(const InterfaceAddress& address) {
  ifaddrmsg header{};
  header.ifa_family = family_number(address.address.family());
  header.ifa_prefixlen = address.prefix;
  header.ifa_index = address.index;
  Message message(
      cat("add address ", address.address.to_string(), '/', address.prefix, " to ", address.interface),
      RTM_NEWADDR, kCreate);
  message.header(header)
      .put(IFA_LOCAL, address.address.bytes())
      .put(IFA_ADDRESS, address.address.bytes())
      .put_u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_PERMANENT);
  return message;
}

Message add_default_route(const Address& gateway, uint32_t index) {
  rtmsg header{};
  header.rtm_family = family_number(gateway.family());
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  Message message(cat("add the default route through ", gateway.to_string()), RTM_NEWROUTE, kCreate);
  message.header(header).put(RTA_GATEWAY, gateway.bytes()).put_u32(RTA_OIF, index);
  return message;
}

std::vector<LinkInfo> list_links(Netlink& route) {
  std::vector<LinkInfo> links;
  Message request("list the interfaces", RTM_GETLINK, 0);
  request.header(link_header(0, false));
  route.dump(std::move(request), [&](const Reply& reply) {
    const auto header = reply.header<ifinfomsg>();
    const Attributes attributes = reply.attributes<ifinfomsg>();
    links.push_back({.index = static_cast<uint32_t>(header.ifi_index),
                     .name = attributes.string(IFLA_IFNAME),
                     .alias = attributes.string(IFLA_IFALIAS),
                     .kind = attributes.nested(IFLA_LINKINFO).string(IFLA_INFO_KIND),
                     .mtu = attributes.u32(IFLA_MTU).value_or(0),
                     .up = (header.ifi_flags & IFF_UP) != 0});
  });
  return links;
}

uint32_t link_index(const std::string& name) {
  return ::if_nametoindex(name.c_str());
}

std::vector<RouteInfo> list_routes(Netlink& route, Family family) {
  std::vector<RouteInfo> routes;
  rtmsg header{};
  header.rtm_family = family_number(family);
  Message request("list the routes", RTM_GETROUTE, 0);
  request.header(header);
  route.dump(std::move(request), [&](const Reply& reply) {
    const auto found = reply.header<rtmsg>();
    const Attributes attributes = reply.attributes<rtmsg>();
    if (found.rtm_family != family_number(family) || found.rtm_type != RTN_UNICAST) return;
    if (attributes.u32(RTA_TABLE).value_or(found.rtm_table) != RT_TABLE_MAIN) return;
    RouteInfo info;
    const auto destination = attributes.find(RTA_DST);
    const Address base = destination ? Address::from_bytes(*destination) : Address::any(family);
    info.destination = {.base = base, .prefix = found.rtm_dst_len};
    info.interface_index = attributes.u32(RTA_OIF).value_or(0);
    info.metric = attributes.u32(RTA_PRIORITY).value_or(0);
    routes.push_back(info);
  });
  return routes;
}

}  // namespace crunlite::net
