// SPDX-License-Identifier: Apache-2.0
#include "net/port_reservation.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "net/port_owner.h"
#include "net/sysctl.h"

namespace crunlite::net {
namespace {

// "Any free port" is one of these: the kernel's default ip_local_port_range, whatever it is set to here.
constexpr uint16_t kEphemeralFirst = 32768;
constexpr uint16_t kEphemeralLast = 60999;

int socket_type(Protocol protocol) {
  return protocol == Protocol::kUdp ? SOCK_DGRAM : SOCK_STREAM;
}

// Bound and listening, or the errno.
sys::Result<UniqueFd> bind_port(const PublishedPort& port) {
  const int domain = static_cast<int>(port.host_address.family());
  sys::Result<UniqueFd> socket =
      sys::socket(domain, socket_type(port.protocol) | SOCK_NONBLOCK, static_cast<int>(port.protocol));
  if (!socket.ok()) return socket;
  const int on = 1;
  if (domain == AF_INET6) (void)::setsockopt(socket->get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool listens = port.protocol != Protocol::kUdp;
  // Connections of the last container in TIME_WAIT do not hold the port; another listener still does.
  if (listens) (void)::setsockopt(socket->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const SocketAddress address = socket_address(port.host_address, port.host_port);
  if (::bind(socket->get(), address.get(), address.size) < 0) return sys::fail();
  if (listens && ::listen(socket->get(), SOMAXCONN) < 0) return sys::fail();
  return socket;
}

bool is_missing_protocol(int error) {
  return error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT || error == EAFNOSUPPORT;
}

// One host port on every address of the mapping.
class Attempt {
 public:
  Attempt(const PortMapping& mapping, bool ipv6) : mapping_(mapping) {
    if (mapping.host_address) {
      addresses_ = {*mapping.host_address};
    } else {
      addresses_ = {Address::any(Family::kIpv4)};
      if (ipv6) addresses_.push_back(Address::any(Family::kIpv6));
    }
  }

  // True when all are bound. Otherwise failed() and error() say which was not, and nothing stays bound.
  bool bind(uint16_t host_port) {
    bound_.clear();
    for (const Address& address : addresses_) {
      failed_ = {mapping_.protocol, address, host_port, mapping_.container_port};
      sys::Result<UniqueFd> socket = bind_port(failed_);
      error_ = socket.error();
      // A kernel without SCTP, or without IPv6, cannot have a conflict there either.
      const bool optional = mapping_.protocol == Protocol::kSctp || !mapping_.host_address;
      if (!socket.ok() && !(optional && is_missing_protocol(error_))) {
        bound_.clear();
        return false;
      }
      bound_.push_back({failed_, std::move(*socket)});
    }
    return true;
  }

  const PublishedPort& failed() const { return failed_; }
  int error() const { return error_; }
  std::vector<ReservedPort> take() { return std::move(bound_); }

 private:
  const PortMapping& mapping_;
  std::vector<Address> addresses_;
  std::vector<ReservedPort> bound_;
  PublishedPort failed_;
  int error_ = 0;
};

[[noreturn]] void throw_taken(const PublishedPort& port, int error, const ReserveOptions& options) {
  const std::string place = endpoint_text(port.host_address, port.host_port);
  if (error == EACCES) {
    sys::Result<Proc> proc = Proc::open();
    const auto start = proc.ok() ? read_sysctl(*proc, "net/ipv4/ip_unprivileged_port_start") : std::nullopt;
    throw Error(ErrorKind::kSystem, "Bind for ", place, " failed: permission denied: ports below ",
                start.value_or("1024"), " (net.ipv4.ip_unprivileged_port_start) need privilege")
        .with_remedy("publish a port of 1024 or above");
  }
  if (error == EADDRNOTAVAIL)
    throw Error(ErrorKind::kUsage, "Bind for ", place, " failed: this host has no address ",
                port.host_address.to_string());
  if (error != EADDRINUSE) throw SysError(error, "Bind for ", place, " failed");
  const std::string container = options.holder ? options.holder(port) : std::string();
  if (!container.empty())
    throw Error(ErrorKind::kExists, "Bind for ", place, " failed: port is already allocated: container ",
                container, " has it");
  const std::string program = describe_port_owner(port);
  throw Error(ErrorKind::kExists, "Bind for ", place, " failed: address already in use",
              program.empty() ? "" : cat(": ", program, " has it"));
}

uint32_t random_number() {
  const std::string hex = random_hex(sizeof(uint32_t));
  uint32_t number = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
  return number;
}

// It is this container that has the port: `-p 80:80 -p 80:81`.
void refuse_second(const PublishedPort& port, const std::vector<ReservedPort>& reserved) {
  const auto same = [&](const ReservedPort& other) {
    return other.port.protocol == port.protocol && other.port.host_port == port.host_port;
  };
  if (std::ranges::none_of(reserved, same)) return;
  throw Error(ErrorKind::kUsage, "Bind for ", endpoint_text(port.host_address, port.host_port),
              " failed: this container is to have the port twice");
}

std::vector<ReservedPort> reserve_one(const PortMapping& mapping, const ReserveOptions& options,
                                      const std::vector<ReservedPort>& reserved) {
  Attempt attempt(mapping, options.ipv6);
  const bool any = mapping.host_first == 0;
  const uint16_t first = any ? kEphemeralFirst : mapping.host_first;
  const uint16_t last = any ? kEphemeralLast : std::max(mapping.host_first, mapping.host_last);
  const uint32_t count = uint32_t{last} - first + 1;
  // Random, so that a port that was free a moment ago is not handed to the next container at once.
  const uint32_t start = any ? random_number() % count : 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (attempt.bind(static_cast<uint16_t>(first + (start + i) % count))) return attempt.take();
    if (attempt.error() != EADDRINUSE) break;
  }
  if (count > 1 && attempt.error() == EADDRINUSE)
    throw Error(ErrorKind::kExists, "Bind for ",
                mapping.host_address.value_or(Address::any(Family::kIpv4)).to_string(), ':', first, '-', last,
                " failed: all ports are allocated");
  if (attempt.error() == EADDRINUSE) refuse_second(attempt.failed(), reserved);
  throw_taken(attempt.failed(), attempt.error(), options);
}

}  // namespace

std::vector<ReservedPort> reserve_ports(const std::vector<PortMapping>& mappings,
                                        const ReserveOptions& options) {
  std::vector<ReservedPort> reserved;
  for (size_t i = 0; i < mappings.size(); ++i) {
    // `-p 80:80 -p 80:80` is one wish said twice.
    const auto same = mappings.begin() + static_cast<long>(i);
    if (std::find(mappings.begin(), same, *same) != same) continue;
    for (ReservedPort& port : reserve_one(*same, options, reserved)) reserved.push_back(std::move(port));
  }
  return reserved;
}

}  // namespace crunlite::net
