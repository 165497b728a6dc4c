// SPDX-License-Identifier: Apache-2.0
// The kernel's network settings of the calling thread's network namespace, read and written below
// /proc/sys, and the changes to them that can be taken back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/proc.h"

namespace crunlite::net {

// `name` is below /proc/sys: "net/ipv4/ip_forward". Without the newline; nothing when it cannot be read.
std::optional<std::string> read_sysctl(const Proc& proc, const std::string& name);
// Throws SysError.
void write_sysctl(const Proc& proc, const std::string& name, std::string_view value);

struct SysctlChange {
  std::string name;
  std::string before;
  std::string after;
};
// Makes the changes that are not made yet, in order. Throws SysError.
void apply_changes(const Proc& proc, const std::vector<SysctlChange>& changes);
// Takes them back in reverse order, except what somebody else has changed since. Throws SysError.
void revert_changes(const Proc& proc, const std::vector<SysctlChange>& changes);

// What has to change so that the host forwards packets of a family, nothing when it does already. Enabling
// has side effects on other interfaces; the list keeps or restores their settings.
std::vector<SysctlChange> plan_ipv4_forwarding(const Proc& proc, const std::vector<std::string>& interfaces);
std::vector<SysctlChange> plan_ipv6_forwarding(const Proc& proc, const std::vector<std::string>& interfaces);

}  // namespace crunlite::net
