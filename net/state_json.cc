// SPDX-License-Identifier: Apache-2.0
#include "net/state_json.h"

#include "base/error.h"

namespace crunlite::net {
namespace {

json::Value strings(const std::vector<std::string>& list) {
  json::Array array;
  for (const std::string& item : list) array.emplace_back(item);
  return array;
}

Address read_address(const json::Reader& at) {
  const auto address = Address::parse(at.as<std::string>(""));
  if (!address) at.problem("not an IP address");
  return address.value_or(Address());
}

PublishedPort read_port(const json::Reader& at) {
  PublishedPort port;
  const auto protocol = parse_protocol(at.require<std::string>("protocol"));
  if (!protocol) at.problem("unknown protocol");
  port.protocol = protocol.value_or(Protocol::kTcp);
  if (at.has("hostAddress")) port.host_address = read_address(at.at("hostAddress"));
  port.host_port = at.require<uint16_t>("hostPort");
  port.container_port = at.require<uint16_t>("containerPort");
  return port;
}

void throw_problems(std::string_view name, const std::vector<std::string>& problems) {
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", join(problems, "; "));
}

}  // namespace

json::Value encode(const Record& record) {
  json::Array addresses;
  for (const Address& address : record.addresses) addresses.emplace_back(address.to_string());
  json::Array ports;
  for (const PublishedPort& port : record.ports)
    ports.emplace_back(json::Object{{"protocol", protocol_name(port.protocol)},
                                    {"hostAddress", port.host_address.to_string()},
                                    {"hostPort", int{port.host_port}},
                                    {"containerPort", int{port.container_port}}});
  return json::Object{{"id", record.container_id},
                      {"link", record.link},
                      {"addresses", std::move(addresses)},
                      {"ports", std::move(ports)}};
}

Record decode_record(const json::Value& value, std::string_view name) {
  std::vector<std::string> problems;
  const json::Reader reader(value, problems);
  Record record;
  record.container_id = reader.require<std::string>("id");
  record.link = reader.get<std::string>("link", "");
  reader.each("addresses", [&](const json::Reader& at) { record.addresses.push_back(read_address(at)); });
  reader.each("ports", [&](const json::Reader& at) { record.ports.push_back(read_port(at)); });
  throw_problems(name, problems);
  return record;
}

json::Value encode(const BridgeNetwork& network) {
  json::Array subnets;
  for (const Subnet& subnet : network.subnets) subnets.emplace_back(subnet.to_string());
  json::Array changes;
  for (const SysctlChange& change : network.changes)
    changes.emplace_back(
        json::Object{{"sysctl", change.name}, {"before", change.before}, {"after", change.after}});
  json::Array families;
  for (const Family family : network.not_routed)
    families.emplace_back(family == Family::kIpv4 ? "ipv4" : "ipv6");
  return json::Object{{"bridge", network.bridge},
                      {"alias", network.alias},
                      {"table", network.table},
                      {"subnets", std::move(subnets)},
                      {"mtu", network.mtu},
                      {"changes", std::move(changes)},
                      {"interfaces", strings(network.interfaces)},
                      {"notRouted", std::move(families)}};
}

BridgeNetwork decode_bridge(const json::Value& value, std::string_view name) {
  std::vector<std::string> problems;
  const json::Reader reader(value, problems);
  BridgeNetwork network;
  network.bridge = reader.require<std::string>("bridge");
  network.alias = reader.get<std::string>("alias", "");
  network.table = reader.require<std::string>("table");
  network.mtu = reader.require<uint32_t>("mtu");
  reader.each("subnets", [&](const json::Reader& at) {
    const auto subnet = Subnet::parse(at.as<std::string>(""));
    if (!subnet) at.problem("not a subnet");
    network.subnets.push_back(subnet.value_or(Subnet()));
  });
  reader.each("changes", [&](const json::Reader& at) {
    network.changes.push_back({at.require<std::string>("sysctl"), at.require<std::string>("before"),
                               at.require<std::string>("after")});
  });
  network.interfaces = reader.get<std::vector<std::string>>("interfaces", {});
  reader.each("notRouted", [&](const json::Reader& at) {
    network.not_routed.push_back(at.as<std::string>("") == "ipv4" ? Family::kIpv4 : Family::kIpv6);
  });
  if (network.subnets.empty()) reader.problem("no subnet");
  throw_problems(name, problems);
  return network;
}

}  // namespace crunlite::net
