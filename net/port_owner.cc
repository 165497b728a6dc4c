// SPDX-License-Identifier: Apache-2.0
#include "net/port_owner.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/proc.h"

namespace crunlite::net {
namespace {

constexpr size_t kLongestTable = 4u << 20;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase(words, "");
  return words;
}

// The sockets of one of /proc/net's tables (proc(5)) that are bound to `port` and accept from anybody:
// columns 1 local address, 2 remote address, 9 inode.
void add_sockets(const Proc& proc, const char* table, uint16_t port, std::set<std::string>& links) {
  const sys::Result<UniqueFd> file = proc.open_file(table, O_RDONLY);
  if (!file.ok()) return;
  const std::string text = read_fd(file->get(), table, kLongestTable);
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 10 || !words[2].ends_with(":0000")) continue;
    const size_t colon = words[1].rfind(':');
    uint16_t bound = 0;
    const std::string_view digits = words[1].substr(colon == words[1].npos ? 0 : colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), bound, 16);
    if (bound == port) links.insert(cat("socket:[", words[9], ']'));
  }
}

bool has_one_of(const Proc& proc, const std::string& pid, const std::set<std::string>& links) {
  const std::string directory = cat(pid, "/fd");
  for (const std::string& fd : list_dir(proc.fd(), directory)) {
    char link[64];
    const auto size = sys::readlink_at(proc.fd(), cat(directory, '/', fd).c_str(), link, sizeof link);
    if (size.ok() && links.count(std::string(link, *size)) != 0) return true;
  }
  return false;
}

std::string name_of(const Proc& proc, const std::string& pid) {
  const sys::Result<UniqueFd> file = proc.open_file(cat(pid, "/comm").c_str(), O_RDONLY);
  return file.ok() ? printable(trim(read_fd(file->get(), "comm", 64))) : "a process";
}

std::string find_owner(const PublishedPort& port) {
  const Proc proc = check(Proc::open(), "open /proc");
  const bool udp = port.protocol == Protocol::kUdp;
  std::set<std::string> links;
  for (const char* table : {udp ? "self/net/udp" : "self/net/tcp", udp ? "self/net/udp6" : "self/net/tcp6"})
    add_sockets(proc, table, port.host_port, links);
  if (links.empty()) return {};
  for (const std::string& pid : list_dir(proc.fd(), ".")) {
    if (!parse_number<uint32_t>(pid)) continue;
    try {
      if (has_one_of(proc, pid, links)) return cat(name_of(proc, pid), " (pid ", pid, ")");
    } catch (const Error&) {
      // It has just ended, or is not ours to look at.
    }
  }
  return {};
}

}  // namespace

std::string describe_port_owner(const PublishedPort& port) noexcept {
  try {
    return find_owner(port);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace crunlite::net
