// SPDX-License-Identifier: Apache-2.0
#include "net/sysctl.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::net {
namespace {

constexpr size_t kLongestValue = 4096;

}  // namespace

std::optional<std::string> read_sysctl(const Proc& proc, const std::string& name) {
  const sys::Result<UniqueFd> file = proc.open_file(cat("sys/", name).c_str(), O_RDONLY);
  if (!file.ok()) return std::nullopt;
  return std::string(trim(read_fd(file->get(), name, kLongestValue)));
}

void write_sysctl(const Proc& proc, const std::string& name, std::string_view value) {
  check(proc.write_file(cat("sys/", name).c_str(), value), "set sysctl ", name, " to ", value);
}

void apply_changes(const Proc& proc, const std::vector<SysctlChange>& changes) {
  for (const SysctlChange& change : changes) {
    if (read_sysctl(proc, change.name) == change.after) continue;
    const sys::Status written = proc.write_file(cat("sys/", change.name).c_str(), change.after);
    // An interface that has gone needs no setting.
    if (written.error() != ENOENT) check(written, "set sysctl ", change.name, " to ", change.after);
  }
}

void revert_changes(const Proc& proc, const std::vector<SysctlChange>& changes) {
  std::for_each(changes.rbegin(), changes.rend(), [&](const SysctlChange& change) {
    const auto now = read_sysctl(proc, change.name);
    // Gone with its interface; as it should be; or somebody else's wish by now. An entry that changes
    // nothing restores what reverting a later entry has overwritten.
    const bool keeps = change.before == change.after;
    if (!now || *now == change.before || (!keeps && *now != change.after)) return;
    write_sysctl(proc, change.name, change.before);
  });
}

std::vector<SysctlChange> plan_ipv4_forwarding(const Proc& proc, const std::vector<std::string>& interfaces) {
  if (read_sysctl(proc, "net/ipv4/ip_forward") == "1") return {};
  std::vector<SysctlChange> changes;
  // Writing ip_forward overwrites the setting of every interface (kernel: Documentation/networking/
  // ip-sysctl.rst); those that forwarded before have to again after the restoration.
  for (const std::string& name : interfaces) {
    const std::string setting = cat("net/ipv4/conf/", name, "/forwarding");
    if (read_sysctl(proc, setting) == "1") changes.push_back({setting, "1", "1"});
  }
  changes.push_back({"net/ipv4/ip_forward", "0", "1"});
  return changes;
}

std::vector<SysctlChange> plan_ipv6_forwarding(const Proc& proc, const std::vector<std::string>& interfaces) {
  if (read_sysctl(proc, "net/ipv6/conf/all/forwarding") == "1") return {};
  std::vector<SysctlChange> changes;
  // A router ignores router advertisements unless accept_ra is 2: a host that gets its address that way
  // would lose it.
  for (const std::string& name : interfaces) {
    const std::string setting = cat("net/ipv6/conf/", name, "/accept_ra");
    if (read_sysctl(proc, setting) == "1") changes.push_back({setting, "1", "2"});
  }
  changes.push_back({"net/ipv6/conf/all/forwarding", "0", "1"});
  return changes;
}

}  // namespace crunlite::net
