// SPDX-License-Identifier: Apache-2.0
// What `-p` says and what became of it: docker's grammar for published ports, and how published ports are
// printed. Pure text and values; reserving and forwarding live in port_reservation.h and firewall.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace crunlite::net {

// The values are the protocol numbers of the IP header.
enum class Protocol : uint8_t { kTcp = IPPROTO_TCP, kUdp = IPPROTO_UDP, kSctp = IPPROTO_SCTP };
std::string_view protocol_name(Protocol protocol);
std::optional<Protocol> parse_protocol(std::string_view name);

// One container port and the host port that is wished for it.
struct PortMapping {
  std::optional<Address> host_address;  // none: every address, IPv4 and IPv6
  uint16_t host_first = 0;              // 0: any free port
  uint16_t host_last = 0;               // > host_first: any free port of that range
  uint16_t container_port = 0;
  Protocol protocol = Protocol::kTcp;

  bool operator==(const PortMapping&) const = default;
};

// "[ip:][hostPort]:containerPort[/proto]" with ranges; an equal range on both sides gives one mapping per
// port. Throws Error(kUsage) in docker's words (docker/go-connections nat.ParsePortSpec).
std::vector<PortMapping> parse_publish(std::string_view text);

// "8080", "8000-8010/udp": an image's ExposedPorts and --expose. Throws Error(kUsage).
std::vector<PortMapping> parse_expose(std::string_view text);

// A port that is really published, on one address.
struct PublishedPort {
  Protocol protocol = Protocol::kTcp;
  Address host_address;
  uint16_t host_port = 0;
  uint16_t container_port = 0;

  bool operator==(const PublishedPort&) const = default;
};

// "0.0.0.0:5000->5000/tcp, [::]:5000->5000/tcp", consecutive ones as "0.0.0.0:8000-8010->8000-8010/tcp":
// the PORTS column of `ps`.
std::string describe_ports(std::vector<PublishedPort> ports);

}  // namespace crunlite::net
