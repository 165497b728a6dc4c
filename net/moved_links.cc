// SPDX-License-Identifier: Apache-2.0
#include "net/moved_links.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "net/link.h"
#include "net/netns.h"

namespace crunlite::net {
namespace {

std::vector<LinkInfo> links_here() {
  Netlink route = Netlink::open(NETLINK_ROUTE);
  return list_links(route);
}

std::vector<LinkInfo> links_of(int netns) {
  const NetnsScope inside(netns);
  return links_here();
}

const LinkInfo* find_link(const std::vector<LinkInfo>& links, std::string_view name) {
  const auto found = std::ranges::find(links, name, &LinkInfo::name);
  return found == links.end() ? nullptr : &*found;
}

// Moving takes a device down and flushes its addresses by itself.
Message move_link(uint32_t index, const std::string& name, int netns, const std::string& new_name) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Message message(cat("move network device ", name, " to another network namespace"), RTM_NEWLINK, 0);
  message.header(header)
      .put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns))
      .put_string(IFLA_IFNAME, new_name);
  return message;
}

void transact(Message message) {
  Netlink route = Netlink::open(NETLINK_ROUTE);
  std::vector<Message> messages;
  messages.push_back(std::move(message));
  route.transact(std::move(messages));
}

// The one link of `now` that was not there: the number may change on the way, the name by %d.
std::optional<LinkInfo> newcomer(const std::vector<LinkInfo>& before, const std::vector<LinkInfo>& now) {
  const auto is_new = [&](const LinkInfo& link) {
    return std::ranges::find(before, link.index, &LinkInfo::index) == before.end();
  };
  const auto found = std::ranges::find_if(now, is_new);
  return found == now.end() ? std::nullopt : std::optional(*found);
}

void check_name_is_free(const std::vector<LinkInfo>& there, const std::string& name,
                        const std::string& wanted) {
  if (wanted.find('%') != std::string::npos || !find_link(there, wanted)) return;
  throw Error(ErrorKind::kExists, "network device ", printable(name),
              ": the container already has one named ", printable(wanted))
      .with_remedy(R"(choose another "name", or one that ends in %d)");
}

// What the specification wants to be kept: addresses for good, of global scope.
bool is_permanent_and_global(const ifaddrmsg& header, uint32_t flags) {
  return (flags & IFA_F_PERMANENT) && header.ifa_scope == RT_SCOPE_UNIVERSE;
}

bool is_kept(uint16_t attribute) {
  constexpr uint16_t kKept[] = {IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_ANYCAST, IFA_RT_PRIORITY};
  return std::ranges::find(kKept, attribute) != std::end(kKept);
}

}  // namespace

bool is_link_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(name, [](char c) {
           return c == '/' || c == ':' || c == 0 || std::isspace(static_cast<unsigned char>(c));
         });
}

std::vector<MovedLinks::LinkAddress> MovedLinks::addresses_of(uint32_t index) {
  std::vector<LinkAddress> found;
  Netlink route = Netlink::open(NETLINK_ROUTE);
  Message request("list the addresses", RTM_GETADDR, 0);
  request.header(ifaddrmsg{});
  route.dump(std::move(request), [&](const Reply& reply) {
    auto header = reply.header<ifaddrmsg>();
    const Attributes attributes = reply.attributes<ifaddrmsg>();
    const uint32_t flags = attributes.u32(IFA_FLAGS).value_or(header.ifa_flags);
    if (header.ifa_index != index || !is_permanent_and_global(header, flags)) return;
    LinkAddress address;
    attributes.each([&](uint16_t type, Bytes value) {
      if (is_kept(type)) address.attributes.emplace_back(type, std::vector(value.begin(), value.end()));
    });
    // Known to be nobody else's: no duplicate address detection, which would make it wait.
    const uint32_t kept = (flags & (IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_HOMEADDRESS)) |
                          IFA_F_PERMANENT | (header.ifa_family == AF_INET6 ? uint32_t{IFA_F_NODAD} : 0);
    const Bytes flag_bytes = bytes_of(kept);
    address.attributes.emplace_back(IFA_FLAGS, std::vector(flag_bytes.begin(), flag_bytes.end()));
    header.ifa_flags = 0;
    address.header = header;
    found.push_back(std::move(address));
  });
  return found;
}

void MovedLinks::add_addresses(const std::vector<LinkAddress>& addresses, uint32_t index,
                               const std::string& name) {
  for (const LinkAddress& address : addresses) {
    ifaddrmsg header = address.header;
    header.ifa_index = index;
    Message message(cat("give network device ", name, " its address"), RTM_NEWADDR,
                    NLM_F_CREATE | NLM_F_REPLACE);
    message.header(header);
    for (const auto& [type, value] : address.attributes) message.put(type, value);
    transact(std::move(message));
  }
}

void MovedLinks::move(const std::string& name, const std::string& new_name) {
  const std::string& wanted = new_name.empty() ? name : new_name;
  const std::vector<LinkInfo> here = links_here();
  const LinkInfo* link = find_link(here, name);
  if (!link) throw Error(ErrorKind::kNotFound, "network device ", printable(name), ": no such device");
  const std::vector<LinkInfo> before = links_of(netns_.get());
  check_name_is_free(before, name, wanted);
  Moved moved{.name = name, .up = link->up, .addresses = addresses_of(link->index)};

  try {
    transact(move_link(link->index, name, netns_.get(), wanted));
  } catch (const Error&) {
    // The kernel may have moved it and failed to rename it.
    if (const auto arrived = newcomer(before, links_of(netns_.get()))) {
      moved.index = arrived->index;
      moved_.push_back(std::move(moved));
    }
    throw;
  }
  const std::vector<LinkInfo> now = links_of(netns_.get());
  const std::optional<LinkInfo> arrived = newcomer(before, now);
  if (!arrived) throw Error(ErrorKind::kSystem, "network device ", printable(name), " got lost on its way");
  moved.index = arrived->index;
  moved_.push_back(moved);
  const NetnsScope inside(netns_.get());
  add_addresses(moved.addresses, moved.index, arrived->name);
  transact(set_link_up(moved.index, arrived->name));
}

void MovedLinks::bring_back(const Moved& link) {
  const UniqueFd home = current_netns();
  const std::vector<LinkInfo> before = links_here();
  {
    const NetnsScope inside(netns_.get());
    transact(move_link(link.index, link.name, home.get(), link.name));
  }
  const std::optional<LinkInfo> back = newcomer(before, links_here());
  if (!back) return;
  add_addresses(link.addresses, back->index, link.name);
  if (link.up) transact(set_link_up(back->index, link.name));
}

MovedLinks::~MovedLinks() {
  for (auto link = moved_.rbegin(); link != moved_.rend(); ++link) {
    try {
      bring_back(*link);
    } catch (const std::exception& error) {
      log::warning(
          cat("network device ", printable(link->name), " could not be brought back: ", error.what()));
    }
  }
}

}  // namespace crunlite::net
