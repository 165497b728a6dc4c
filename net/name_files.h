// SPDX-License-Identifier: Apache-2.0
// The content of a container's /etc/hosts, /etc/hostname and /etc/resolv.conf. Pure builders over validated
// tokens, so that no name can smuggle a line in (SECURITY N12); only read_host_resolv_conf looks at the
// machine. Nobody here writes a file or invents a name server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace crunlite::net {

// A host name of at most 63 bytes per label and 253 in all, letters, digits, '-', '_' and '.'.
bool is_host_name(std::string_view name);

struct HostEntry {
  std::string address;
  std::string name;
};
// "name:ip" or "name=ip" of --add-host. "host-gateway" stands for `gateway`. Throws Error(kUsage).
HostEntry parse_add_host(std::string_view text, const std::string& gateway);

struct HostsRequest {
  std::vector<Address> addresses;  // the container's own; none: no line for it
  std::string hostname;
  std::string domain;
  std::vector<HostEntry> extra;
  bool ipv6 = true;  // false: no ip6-* lines
};
// Throws Error(kUsage) for a name or address that is not one.
std::string hosts_content(const HostsRequest& request);

// Name and newline. Throws Error(kUsage) for what is not a host name of at most 64 bytes (HOST_NAME_MAX).
std::string hostname_content(std::string_view hostname);

// --dns, --dns-search and --dns-option; what is not given comes from the host.
struct DnsOptions {
  std::vector<std::string> servers;
  std::vector<std::string> search;  // "." alone: none
  std::vector<std::string> options;
};

struct ResolvConf {
  std::string content;
  // What the user should know: that no usable name server is left, or that lines were dropped.
  std::vector<std::string> warnings;
};
// `host` is the host's resolv.conf. Loopback servers are left out, because in the container they are the
// container itself; IPv6 servers too where the container has no IPv6. Throws Error(kUsage) for bad options.
ResolvConf resolv_conf_content(std::string_view host, const DnsOptions& options, bool ipv6);

// /etc/resolv.conf, or the servers behind systemd-resolved's stub when the former names only 127.0.0.53.
// A missing file is empty.
std::string read_host_resolv_conf();

}  // namespace crunlite::net
