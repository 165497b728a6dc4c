// SPDX-License-Identifier: Apache-2.0
#include "engine/container_network.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "net/name_files.h"

namespace crunlite::engine {
namespace {

constexpr size_t kMostBytes = 1u << 20;
// Readable by whoever the container runs as, whatever our umask.
constexpr mode_t kNameFileMode = 0644;

std::string read_host_file(const std::string& path) {
  if (!sys::stat_at(AT_FDCWD, path.c_str(), 0).ok()) return {};
  return read_file(AT_FDCWD, path, kMostBytes);
}

bool has_ipv6(const net::NetAttachment& network) {
  return !std::ranges::all_of(network.addresses(), &net::Address::is_ipv4);
}

std::string hosts_text(const RunOptions& options, const net::NetAttachment& network,
                       const std::string& hostname) {
  const std::string gateway = network.gateways().empty() ? "" : network.gateways().front().to_string();
  net::HostsRequest request{.addresses = network.addresses(), .hostname = hostname};
  for (const std::string& text : options.add_hosts)
    request.extra.push_back(net::parse_add_host(text, gateway));
  if (options.network != NetworkMode::kHost) return net::hosts_content(request);
  // The host's own names count there; --add-host comes on top.
  std::string text = read_host_file("/etc/hosts");
  for (const net::HostEntry& entry : request.extra) text += cat(entry.address, '\t', entry.name, '\n');
  return text;
}

std::string resolv_conf_text(const RunOptions& options, const net::NetAttachment& network, const Say& say) {
  if (options.network == NetworkMode::kHost && options.dns.empty()) return read_host_file("/etc/resolv.conf");
  const net::ResolvConf out =
      net::resolv_conf_content(net::read_host_resolv_conf(), {.servers = options.dns}, has_ipv6(network));
  // A container without a network has nobody to ask anyway.
  if (options.network == NetworkMode::kBridge) {
    for (const std::string& warning : out.warnings) say(cat("warning: ", warning));
  }
  return out.content;
}

std::vector<net::PortMapping> parse_published(const std::string& text) {
  try {
    return net::parse_publish(text);
  } catch (Error& error) {
    error.prepend(cat("invalid argument ", quote(text), " for \"-p, --publish\" flag"));
    error.with_remedy("It is written [[ip:][hostPort]:]containerPort[/tcp|udp|sctp], for example 8080:80.");
    throw;
  }
}

}  // namespace

std::vector<net::PortMapping> requested_ports(const Config& config, const RunOptions& options,
                                              const Say& say) {
  std::vector<net::PortMapping> out;
  for (const std::string& text : options.publish) {
    for (net::PortMapping mapping : parse_published(text)) {
      if (!mapping.host_address && !config.publish_address.empty()) {
        mapping.host_address = net::Address::parse(config.publish_address);
      }
      out.push_back(mapping);
    }
  }
  if (options.network == NetworkMode::kBridge || out.empty()) return out;
  say(options.network == NetworkMode::kHost
          ? "warning: published ports are discarded when using host network mode"
          : "warning: published ports are discarded: the container has no network");
  return {};
}

net::NetAttachment connect(const Config& config, const RunOptions& options, const std::string& container_id,
                           const std::vector<net::PortMapping>& ports) {
  if (options.network == NetworkMode::kHost) return {};
  net::NetAttachment network =
      options.network == NetworkMode::kNone
          ? net::attach_none(config.network, container_id)
          : net::attach(
                config.network,
                {.container_id = container_id, .ports = ports, .ipv6 = !config.network.ipv6_subnets.empty()});
  network.keep();
  return network;
}

void write_name_files(const RunOptions& options, const ContainerDir& dir, const net::NetAttachment& network,
                      const Say& say, SpecFacts& facts) {
  const std::string hostname = container_hostname(options, facts);
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomic(dir.fd(), name, text, kNameFileMode, Durability::kRename);
    return dir.file(name);
  };
  facts.hosts_file = write("hosts", hosts_text(options, network, hostname));
  facts.hostname_file = write("hostname", net::hostname_content(hostname));
  facts.resolv_file = write("resolv.conf", resolv_conf_text(options, network, say));
}

}  // namespace crunlite::engine
