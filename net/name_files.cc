// SPDX-License-Identifier: Apache-2.0
#include "net/name_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::net {
namespace {

constexpr size_t kLongestFile = 1u << 20;
constexpr size_t kLongestHostname = 64;  // HOST_NAME_MAX
constexpr const char* kHostFile = "/etc/resolv.conf";
// What systemd-resolved forwards to; its stub 127.0.0.53 is the host's (systemd-resolved.service(8)).
constexpr const char* kResolvedFile = "/run/systemd/resolve/resolv.conf";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  size_t start = 0;
  while ((start = line.find_first_not_of(" \t\r", start)) != line.npos) {
    const size_t end = std::min(line.find_first_of(" \t\r", start), line.size());
    words.emplace_back(line.substr(start, end - start));
    start = end;
  }
  return words;
}

// A resolver option such as "ndots:2": nothing that could end the line or start a comment.
bool is_option(std::string_view text) {
  return !text.empty() && text.size() < 256 && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '#' && c != ';' && c != '"';
  });
}

// The parts of a resolv.conf(5) that matter to a container.
struct Parsed {
  std::vector<std::string> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;
};

Parsed parse_resolv_conf(std::string_view text) {
  Parsed parsed;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view content = trim(line.substr(0, line.find_first_of("#;")));
    std::vector<std::string> words = words_of(content);
    if (words.size() < 2) continue;
    const std::string keyword = words.front();
    words.erase(words.begin());
    if (keyword == "nameserver") parsed.servers.push_back(words.front());
    // The last of these lines wins; "domain" is the old form of "search".
    if (keyword == "search" || keyword == "domain") parsed.search = words;
    if (keyword == "options") parsed.options.insert(parsed.options.end(), words.begin(), words.end());
  }
  return parsed;
}

// Keeps what a container can reach; tells what not and why.
std::vector<std::string> usable_servers(const std::vector<std::string>& servers, bool ipv6,
                                        std::vector<std::string>& warnings) {
  std::vector<std::string> usable;
  std::vector<std::string> loopback;
  for (const std::string& server : servers) {
    // A zone ("fe80::1%eth0") names an interface of the host.
    const auto address = Address::parse(server);
    if (address && address->is_loopback()) {
      loopback.push_back(server);
    } else if (address && (ipv6 || address->is_ipv4()) &&
               !(address->is_link_local() && !address->is_ipv4())) {
      usable.push_back(server);
    } else {
      warnings.push_back(
          cat("name server ", printable(server), " of the host is not used: ",
              address && !ipv6 ? "the container has no IPv6" : "the container cannot reach it"));
    }
  }
  if (usable.empty() && !loopback.empty())
    warnings.push_back(cat("the host's only name servers are its own (", join(loopback, ", "),
                           "), which a container cannot reach: names will not resolve; "
                           "choose a server with --dns"));
  return usable;
}

void require_servers(const std::vector<std::string>& servers) {
  for (const std::string& server : servers)
    if (!Address::parse(server)) throw Error(ErrorKind::kUsage, "--dns: not an IP address: ", quote(server));
}

std::string line_of(std::string_view keyword, const std::vector<std::string>& words) {
  return words.empty() ? std::string() : cat(keyword, ' ', join(words, " "), '\n');
}

std::string require_name(std::string_view name, std::string_view what) {
  if (!is_host_name(name)) throw Error(ErrorKind::kUsage, what, ": not a host name: ", quote(name));
  return std::string(name);
}

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    const bool valid = std::all_of(label.begin(), label.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
             c == '_';
    });
    if (!valid) return false;
  }
  return true;
}

HostEntry parse_add_host(std::string_view text, const std::string& gateway) {
  // The first separator: IPv6 addresses have more colons.
  const size_t separator = text.find_first_of("=:");
  if (separator == text.npos || separator == 0)
    throw Error(ErrorKind::kUsage, "bad format for add-host: ", quote(text));
  const std::string name = require_name(text.substr(0, separator), "--add-host");
  std::string address(text.substr(separator + 1));
  if (address == "host-gateway") address = gateway;
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  if (!Address::parse(address))
    throw Error(ErrorKind::kUsage, "invalid IP address in add-host: ", quote(address));
  return {.address = address, .name = name};
}

std::string hosts_content(const HostsRequest& request) {
  std::string content = "127.0.0.1\tlocalhost\n";
  if (request.ipv6)
    content +=
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::\tip6-localnet\n"
        "ff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\n"
        "ff02::2\tip6-allrouters\n";
  for (const HostEntry& entry : request.extra) {
    if (!Address::parse(entry.address))
      throw Error(ErrorKind::kUsage, "--add-host: not an IP address: ", quote(entry.address));
    content += cat(entry.address, '\t', require_name(entry.name, "--add-host"), '\n');
  }
  if (request.addresses.empty()) return content;
  std::string names = require_name(request.hostname, "--hostname");
  if (!request.domain.empty())
    names = cat(names, '.', require_name(request.domain, "--domainname"), ' ', names);
  for (const Address& address : request.addresses) content += cat(address.to_string(), '\t', names, '\n');
  return content;
}

std::string hostname_content(std::string_view hostname) {
  if (hostname.size() > kLongestHostname)
    throw Error(ErrorKind::kUsage, "--hostname: longer than ", kLongestHostname, " bytes: ", quote(hostname));
  return require_name(hostname, "--hostname") + "\n";
}

ResolvConf resolv_conf_content(std::string_view host, const DnsOptions& options, bool ipv6) {
  ResolvConf result;
  const Parsed parsed = parse_resolv_conf(host);
  require_servers(options.servers);
  std::vector<std::string> servers = options.servers;
  if (servers.empty()) servers = usable_servers(parsed.servers, ipv6, result.warnings);

  std::vector<std::string> search;
  const bool chosen = !options.search.empty();
  for (const std::string& domain : chosen ? options.search : parsed.search) {
    if (domain == ".") continue;
    // Names of the host's own file that are none are left out; the user's are an error.
    if (chosen) require_name(domain, "--dns-search");
    const std::string_view bare = domain.ends_with('.')
                                      ? std::string_view(domain).substr(0, domain.size() - 1)
                                      : std::string_view(domain);
    if (is_host_name(bare)) search.push_back(domain);
  }

  std::vector<std::string> resolver_options;
  for (const std::string& option : options.options.empty() ? parsed.options : options.options) {
    if (is_option(option)) {
      resolver_options.push_back(option);
    } else if (!options.options.empty()) {
      throw Error(ErrorKind::kUsage, "--dns-option: not an option: ", quote(option));
    }
  }

  for (const std::string& server : servers) result.content += cat("nameserver ", server, '\n');
  result.content += line_of("search", search);
  result.content += line_of("options", resolver_options);
  return result;
}

std::string read_host_resolv_conf() {
  const auto read = [](const char* path) {
    try {
      return read_file(AT_FDCWD, path, kLongestFile);
    } catch (const Error&) {
      return std::string();
    }
  };
  std::string host = read(kHostFile);
  const std::vector<std::string> servers = parse_resolv_conf(host).servers;
  const bool stub_only = !servers.empty() && std::all_of(servers.begin(), servers.end(), [](const auto& s) {
    return s == "127.0.0.53" || s == "127.0.0.54";
  });
  if (!stub_only) return host;
  std::string upstream = read(kResolvedFile);
  return upstream.empty() ? host : upstream;
}

}  // namespace crunlite::net
