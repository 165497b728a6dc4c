// SPDX-License-Identifier: Apache-2.0
#include "net/publish.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace crunlite::net {
namespace {

struct ProtocolName {
  Protocol protocol;
  std::string_view name;
};
constexpr ProtocolName kProtocols[] = {
    {Protocol::kTcp, "tcp"}, {Protocol::kUdp, "udp"}, {Protocol::kSctp, "sctp"}};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  int count() const { return last - first; }
};

std::optional<PortRange> parse_range(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = parse_number<uint16_t>(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_number<uint16_t>(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  if (*first == 0 && *last != 0) return std::nullopt;  // 0 is "any free port", not a member of a range
  return PortRange{*first, *last};
}

// The three fields of "ip:host:container", found from the right, so that an IPv6 address needs no brackets.
struct Fields {
  std::string_view ip;
  std::string_view host;
  std::string_view container;
};

Fields split_fields(std::string_view text) {
  Fields fields;
  const size_t last = text.rfind(':');
  if (last == text.npos) return {.ip = {}, .host = {}, .container = text};
  fields.container = text.substr(last + 1);
  const std::string_view rest = text.substr(0, last);
  const size_t middle = rest.rfind(':');
  if (middle == rest.npos) {
    fields.host = rest;
  } else {
    fields.ip = rest.substr(0, middle);
    fields.host = rest.substr(middle + 1);
  }
  return fields;
}

// "80/udp" becomes "80"; no or an empty protocol is tcp.
Protocol take_protocol(std::string_view& port) {
  const size_t slash = port.find('/');
  if (slash == port.npos) return Protocol::kTcp;
  const std::string name = to_lower(port.substr(slash + 1));
  port = port.substr(0, slash);
  if (name.empty()) return Protocol::kTcp;
  const auto protocol = parse_protocol(name);
  if (!protocol) throw Error(ErrorKind::kUsage, "invalid proto: ", printable(name));
  return *protocol;
}

std::optional<Address> parse_host_address(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::string_view bare = text;
  if (bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  const auto address = Address::parse(bare);
  if (!address || (bare != text && address->is_ipv4()))
    throw Error(ErrorKind::kUsage, "invalid IP address: ", printable(text));
  return address;
}

PortRange parse_container_range(std::string_view text) {
  const auto range = parse_range(text);
  if (!range || range->first == 0) throw Error(ErrorKind::kUsage, "invalid containerPort: ", printable(text));
  return *range;
}

}  // namespace

std::string_view protocol_name(Protocol protocol) {
  for (const ProtocolName& known : kProtocols)
    if (known.protocol == protocol) return known.name;
  return "tcp";
}

std::optional<Protocol> parse_protocol(std::string_view name) {
  for (const ProtocolName& known : kProtocols)
    if (known.name == name) return known.protocol;
  return std::nullopt;
}

std::vector<PortMapping> parse_publish(std::string_view text) {
  Fields fields = split_fields(text);
  const Protocol protocol = take_protocol(fields.container);
  if (fields.container.empty())
    throw Error(ErrorKind::kUsage, "no port specified: ", printable(text), "<empty>");
  const std::optional<Address> address = parse_host_address(fields.ip);
  const PortRange container = parse_container_range(fields.container);
  std::optional<PortRange> host = PortRange{};
  if (!fields.host.empty()) host = parse_range(fields.host);
  if (!host) throw Error(ErrorKind::kUsage, "invalid hostPort: ", printable(fields.host));

  const bool any_of_range = container.count() == 0;
  if (host->first != 0 && !any_of_range && container.count() != host->count())
    throw Error(ErrorKind::kUsage,
                "invalid ranges specified for container and host Ports: ", fields.container, " and ",
                fields.host);

  std::vector<PortMapping> mappings;
  for (int i = 0; i <= container.count(); ++i) {
    PortMapping mapping{.host_address = address, .protocol = protocol};
    mapping.container_port = static_cast<uint16_t>(container.first + i);
    mapping.host_first = host->first == 0 ? uint16_t{0} : static_cast<uint16_t>(host->first + i);
    mapping.host_last = any_of_range ? host->last : mapping.host_first;
    mappings.push_back(mapping);
  }
  return mappings;
}

std::vector<PortMapping> parse_expose(std::string_view text) {
  std::string_view port = text;
  const Protocol protocol = take_protocol(port);
  const PortRange container = parse_container_range(port);
  std::vector<PortMapping> mappings;
  for (int i = 0; i <= container.count(); ++i)
    mappings.push_back({.container_port = static_cast<uint16_t>(container.first + i), .protocol = protocol});
  return mappings;
}

std::string describe_ports(std::vector<PublishedPort> ports) {
  const auto order = [](const PublishedPort& port) {
    return std::tie(port.container_port, port.protocol, port.host_address, port.host_port);
  };
  std::sort(ports.begin(), ports.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });

  struct Group {
    PublishedPort first;
    uint16_t more = 0;
    bool continued_by(const PublishedPort& port) const {
      return port.protocol == first.protocol && port.host_address == first.host_address &&
             port.host_port == first.host_port + more + 1 &&
             port.container_port == first.container_port + more + 1;
    }
  };
  std::vector<Group> groups;
  for (const PublishedPort& port : ports) {
    const auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.continued_by(port); });
    if (group == groups.end()) {
      groups.push_back({.first = port});
    } else {
      ++group->more;
    }
  }

  const auto range = [](uint16_t first, uint16_t more) {
    return more == 0 ? std::string() : cat('-', first + more);
  };
  std::vector<std::string> texts;
  for (const Group& group : groups) {
    const PublishedPort& port = group.first;
    texts.push_back(cat(endpoint_text(port.host_address, port.host_port), range(port.host_port, group.more),
                        "->", port.container_port, range(port.container_port, group.more), '/',
                        protocol_name(port.protocol)));
  }
  return join(texts, ", ");
}

}  // namespace crunlite::net
