// SPDX-License-Identifier: Apache-2.0
#include "net/attachment.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/rollback.h"
#include "net/bridge_network.h"
#include "net/conntrack.h"
#include "net/link.h"
#include "net/netns.h"

namespace crunlite::net {
namespace {

void require_container_id(const std::string& id) {
  if (!is_container_id(id)) throw Error(ErrorKind::kUsage, "not a container id: ", quote(id));
}

bool publishes_udp(const std::vector<PublishedPort>& ports) {
  return std::any_of(ports.begin(), ports.end(), [](const auto& p) { return p.protocol == Protocol::kUdp; });
}

// For a link that may be gone already.
void change_if_there(Host& host, Message change) {
  const std::string what = change.what();
  std::vector<Message> messages;
  messages.push_back(std::move(change));
  const int error = host.route.attempt(std::move(messages)).front();
  if (error != 0 && error != ENODEV) throw SysError(error, what);
}

// Removes what `record` says, whether it was made or not. A record whose things could not all be removed
// stays, for the next attempt.
void detach_record(Host& host, NetState& state, const Record& record, std::vector<std::string>& problems) {
  const size_t before = problems.size();
  // The link first: without the rules its packets would leave with the container's address (SECURITY N9).
  if (!record.link.empty()) try_step(problems, [&] { change_if_there(host, disconnect_link(record.link)); });
  if (const auto network = state.bridge()) {
    const Publication publication{record.container_id, record.ports, record.addresses};
    try_step(problems, [&] { unpublish(host.netfilter, network->table, publication); });
  }
  // TCP ends by itself and each walk through the kernel's table costs up to 10 ms.
  if (publishes_udp(record.ports))
    try_step(problems, [&] { forget_udp_to(host.netfilter, record.addresses); });
  try_step(problems, [&] { unpin_netns(state.netns_path(record.container_id)); });
  if (problems.size() == before) {
    try_step(problems, [&] { state.release_leases(record); });
    try_step(problems, [&] { state.remove_record(record.container_id); });
  }
  const bool was_last = remove_bridge_network_if_unused(host, state, problems);
  // The kernel removes it by itself a moment later; the last one leaves the machine as it was, now.
  if (was_last && !record.link.empty())
    try_step(problems, [&] { change_if_there(host, delete_link(record.link)); });
}

// What owners left behind that died: no process holds the record, none is in the namespace.
void collect_garbage(Host& host, NetState& state) {
  for (const Record& record : state.records()) {
    if (state.has_owner(record.container_id)) continue;
    if (netns_has_process(host.proc, state.netns_path(record.container_id))) continue;
    std::vector<std::string> problems;
    detach_record(host, state, record, problems);
    for (const std::string& problem : problems)
      log::warning(cat("network of the dead container ", record.container_id, ": ", problem));
  }
}

std::string port_holder(const NetState& state, const PublishedPort& wanted) {
  const auto clashes = [&](const PublishedPort& port) {
    return port.protocol == wanted.protocol && port.host_port == wanted.host_port &&
           port.host_address.family() == wanted.host_address.family() &&
           (port.host_address == wanted.host_address || port.host_address.is_any() ||
            wanted.host_address.is_any());
  };
  for (const Record& record : state.records())
    if (std::any_of(record.ports.begin(), record.ports.end(), clashes)) return record.container_id;
  return {};
}

// Both ends of the veth, the container's addresses and routes.
void connect(Host& host, const BridgeNetwork& network, const Record& record, int netns) {
  const VethSpec veth{.name = record.link,
                      .bridge_index = link_index(network.bridge),
                      .netns = netns,
                      .container_mac = mac_for(record.addresses.front()),
                      .mtu = network.mtu};
  std::vector<Message> ours;
  ours.push_back(create_veth(veth));
  ours.push_back(set_alias(record.link, record.container_id));
  ours.push_back(set_port_up(record.link));
  host.route.transact(std::move(ours));

  const NetnsScope inside(netns);
  if (record.addresses.size() > 1) enable_ipv6(host.proc, kContainerInterface);
  Netlink route = Netlink::open(NETLINK_ROUTE);
  std::vector<Message> theirs;
  for (size_t i = 0; i < record.addresses.size(); ++i)
    theirs.push_back(add_address({.index = kContainerIndex,
                                  .interface = kContainerInterface,
                                  .address = record.addresses[i],
                                  .prefix = network.subnets[i].prefix}));
  theirs.push_back(set_link_up(kContainerIndex, kContainerInterface));
  for (size_t i = 0; i < record.addresses.size(); ++i)
    theirs.push_back(add_default_route(network.gateway(network.subnets[i]), kContainerIndex));
  route.transact(std::move(theirs));
}

void publish_or_repair(Host& host, NetState& state, const BridgeNetwork& network, const Record& record) {
  try {
    publish(host.netfilter, network.table, {record.container_id, record.ports, record.addresses});
  } catch (const SysError& error) {
    if (error.error() != EEXIST) throw;
    // The port is ours, we hold its socket: the entry is left from a record that was lost. The records, ours
    // among them by now, say how the table should look.
    repair_bridge_network(host, state, network);
  }
}

// Without a readable record: what the id alone tells.
Record record_or_discovery(const NetState& state, const std::string& id) {
  try {
    if (auto record = state.record(id)) return std::move(*record);
  } catch (const Error& error) {
    log::warning(cat("network of container ", id, ": ", error.what()));
  }
  return {.container_id = id, .link = link_name(id), .addresses = state.leases_of(id), .ports = {}};
}

// The lease's IPv4 address and the one with the same number in the IPv6 subnet.
std::vector<Address> lease_addresses(NetState& state, const BridgeNetwork& network, const std::string& id,
                                     bool ipv6) {
  const Subnet& subnet = network.subnets.front();
  std::vector<Address> addresses = {state.take_lease(subnet, id)};
  if (!ipv6) return addresses;
  const Bytes bytes = addresses.front().bytes();
  const uint32_t low = (uint32_t{bytes[2]} << 8 | bytes[3]) & (subnet.size() - 1);
  addresses.push_back(network.subnets[1].host(low));
  return addresses;
}

}  // namespace

NetAttachment::NetAttachment(NetAttachment&& other) noexcept {
  *this = std::move(other);
}

NetAttachment& NetAttachment::operator=(NetAttachment&& other) noexcept {
  std::swap(config_, other.config_);
  std::swap(container_id_, other.container_id_);
  std::swap(netns_path_, other.netns_path_);
  std::swap(netns_, other.netns_);
  std::swap(alive_, other.alive_);
  std::swap(addresses_, other.addresses_);
  std::swap(gateways_, other.gateways_);
  std::swap(ports_, other.ports_);
  std::swap(reservations_, other.reservations_);
  std::swap(warnings_, other.warnings_);
  return *this;
}

NetAttachment::~NetAttachment() {
  if (container_id_.empty()) return;
  // The namespace dies with its last descriptor, and its interfaces with it.
  netns_.reset();
  reservations_.clear();
  for (const std::string& problem : detach(config_, container_id_))
    log::warning(cat("network of container ", container_id_, ": ", problem));
}

std::vector<ReservedPort> NetAttachment::take_reservations() {
  return std::move(reservations_);
}

NetAttachment attach(const NetworkConfig& config, const AttachRequest& request) {
  const std::string& id = request.container_id;
  require_container_id(id);
  Host host = Host::open();
  // Outside the lock: it takes longest and is nobody's until it is pinned.
  UniqueFd netns = create_netns(host.proc);

  NetState state = NetState::lock(config.state_dir);
  collect_garbage(host, state);
  if (state.record(id)) throw Error(ErrorKind::kExists, "container ", id, " has a network already");

  std::vector<ReservedPort> reservations = reserve_ports(
      request.ports, {.holder = [&](const PublishedPort& port) { return port_holder(state, port); }});
  Record record{.container_id = id, .link = link_name(id)};
  for (const ReservedPort& reserved : reservations) record.ports.push_back(reserved.port);

  Rollback rollback;
  std::vector<std::string> problems;
  rollback.on_failure([&] {
    detach_record(host, state, record, problems);
    for (const std::string& problem : problems) log::warning(problem);
  });
  const BridgeNetwork network = ensure_bridge_network(host, state, config);
  const bool ipv6 = request.ipv6 && network.subnets.size() > 1;
  record.addresses = lease_addresses(state, network, id, ipv6);
  state.write(record);

  NetAttachment attachment;
  attachment.alive_ = state.hold(id);
  attachment.netns_path_ = state.netns_path(id);
  pin_netns(netns.get(), attachment.netns_path_);
  connect(host, network, record, netns.get());
  publish_or_repair(host, state, network, record);
  forget_udp_clients_of(host.netfilter, record.ports);
  attachment.warnings_ = forwarding_warnings(host, network);
  rollback.commit();

  attachment.config_ = config;
  attachment.container_id_ = id;
  attachment.netns_ = std::move(netns);
  attachment.addresses_ = record.addresses;
  for (size_t i = 0; i < record.addresses.size(); ++i)
    attachment.gateways_.push_back(network.gateway(network.subnets[i]));
  attachment.ports_ = record.ports;
  attachment.reservations_ = std::move(reservations);
  return attachment;
}

NetAttachment attach_none(const NetworkConfig& config, const std::string& container_id) {
  require_container_id(container_id);
  const Proc proc = check(Proc::open(), "open /proc");
  NetAttachment attachment;
  attachment.netns_ = create_netns(proc);
  NetState state = NetState::lock(config.state_dir);
  if (state.record(container_id))
    throw Error(ErrorKind::kExists, "container ", container_id, " has a network already");
  state.write(Record{.container_id = container_id, .link = {}});
  attachment.config_ = config;
  attachment.container_id_ = container_id;
  attachment.alive_ = state.hold(container_id);
  attachment.netns_path_ = state.netns_path(container_id);
  pin_netns(attachment.netns_.get(), attachment.netns_path_);
  return attachment;
}

std::vector<std::string> detach(const NetworkConfig& config, const std::string& container_id) {
  std::vector<std::string> problems;
  try_step(problems, [&] {
    require_container_id(container_id);
    Host host = Host::open();
    NetState state = NetState::lock(config.state_dir);
    detach_record(host, state, record_or_discovery(state, container_id), problems);
  });
  return problems;
}

void repair(const NetworkConfig& config) {
  Host host = Host::open();
  NetState state = NetState::lock(config.state_dir);
  if (const auto network = state.bridge()) repair_bridge_network(host, state, *network);
}

}  // namespace crunlite::net
