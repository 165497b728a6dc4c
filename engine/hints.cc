// SPDX-License-Identifier: Apache-2.0
#include "engine/hints.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/proc.h"

namespace crunlite::engine {
namespace {

constexpr std::string_view kListen = "0A";  // TCP_LISTEN, include/net/tcp_states.h
constexpr size_t kMostBytes = 4u << 20;

// Words of a line that is aligned with blanks.
std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const std::string_view word : split(line, ' ')) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

// The kernel prints addresses as 32-bit words in host order: 127.0.0.1 is "0100007F" on little-endian
// machines, and 127/8 ends in "7F".
bool is_loopback(std::string_view hex) {
  constexpr std::string_view kIpv6Loopback = "00000000000000000000000001000000";
  constexpr std::string_view kMappedPrefix = "0000000000000000FFFF0000";
  if (hex.size() == 32 && hex.starts_with(kMappedPrefix)) hex.remove_prefix(kMappedPrefix.size());
  return hex == kIpv6Loopback || (hex.size() == 8 && hex.ends_with("7F"));
}

std::string read_proc(const std::string& path) {
  const sys::Result<Proc> proc = Proc::open();
  if (!proc.ok()) return {};
  const sys::Result<UniqueFd> file = proc->open_file(path.c_str(), O_RDONLY);
  if (!file.ok()) return {};
  try {
    return read_fd(file->get(), path, kMostBytes);
  } catch (const Error&) {
    return {};  // it has ended meanwhile: there is nobody left to give a hint about
  }
}

// "oom_kill 3" in memory.oom_control (v1) or memory.events (v2).
std::optional<uint64_t> oom_kill_field(const std::string& path) {
  std::string text;
  try {
    text = read_file(AT_FDCWD, path, kMostBytes);
  } catch (const Error&) {
    return std::nullopt;
  }
  for (const std::string_view line : split(text, '\n')) {
    constexpr std::string_view kField = "oom_kill ";
    if (line.starts_with(kField)) return parse_number<uint64_t>(line.substr(kField.size()));
  }
  return std::nullopt;
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view proc_net_tcp) {
  std::vector<Listener> out;
  for (const std::string_view line : split(proc_net_tcp, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    if (fields.size() < 4 || fields[3] != kListen) continue;
    const size_t colon = fields[1].find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view port = fields[1].substr(colon + 1);
    Listener listener{.loopback = is_loopback(fields[1].substr(0, colon))};
    std::from_chars(port.data(), port.data() + port.size(), listener.port, 16);
    out.push_back(listener);
  }
  return out;
}

std::vector<std::string> loopback_hints(const std::vector<net::PublishedPort>& ports,
                                        const std::vector<Listener>& listeners) {
  std::vector<uint16_t> seen;
  std::vector<std::string> out;
  for (const net::PublishedPort& port : ports) {
    const uint16_t number = port.container_port;
    if (port.protocol != net::Protocol::kTcp || std::count(seen.begin(), seen.end(), number)) continue;
    seen.push_back(number);
    bool loopback = false;
    bool reachable = false;
    for (const Listener& listener : listeners) {
      if (listener.port == number) (listener.loopback ? loopback : reachable) = true;
    }
    if (!loopback || reachable) continue;
    out.push_back(
        cat("port ", number, " is published, but the program in the container listens on it at ",
            "127.0.0.1 only, where nothing from outside arrives. Let it listen on 0.0.0.0 (flask run ",
            "--host=0.0.0.0)."));
  }
  return out;
}

bool handles_signal(std::string_view status, int signal) {
  for (const std::string_view line : split(status, '\n')) {
    // Blocked ones are kept for sigwait(3) and signalfd(2), which is how a reaper takes them.
    if (!line.starts_with("SigCgt:") && !line.starts_with("SigBlk:")) continue;
    const std::string_view hex = trim(line.substr(7));
    uint64_t mask = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), mask, 16);
    if ((mask >> (signal - 1)) & 1) return true;
  }
  return status.empty();
}

std::vector<Listener> listeners_of(pid_t pid) {
  std::vector<Listener> out = parse_listeners(read_proc(cat(pid, "/net/tcp")));
  const std::vector<Listener> ipv6 = parse_listeners(read_proc(cat(pid, "/net/tcp6")));
  out.insert(out.end(), ipv6.begin(), ipv6.end());
  return out;
}

bool init_handles_signal(pid_t pid, int signal) {
  return handles_signal(read_proc(cat(pid, "/status")), signal);
}

uint64_t oom_kills(const std::string& cgroup_path) {
  constexpr std::string_view kRoot = "/sys/fs/cgroup";
  if (const auto v1 = oom_kill_field(cat(kRoot, "/memory", cgroup_path, "/memory.oom_control"))) return *v1;
  return oom_kill_field(cat(kRoot, cgroup_path, "/memory.events")).value_or(0);
}

}  // namespace crunlite::engine
