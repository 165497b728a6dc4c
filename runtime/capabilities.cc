// SPDX-License-Identifier: Apache-2.0
#include "runtime/capabilities.h"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace crunlite::runtime {
namespace {

constexpr std::string_view kPrefix = "CAP_";

// linux/capability.h: the index is the number.
constexpr std::array<std::string_view, 41> kNames = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

// What is in /proc/sys/kernel/cap_last_cap, without a /proc: prctl(2) knows which numbers are valid.
int find_last_capability() {
  int number = static_cast<int>(kNames.size()) - 1;
  const auto valid = [](int candidate) { return ::prctl(PR_CAPBSET_READ, candidate, 0, 0, 0) >= 0; };
  while (valid(number + 1)) ++number;
  while (number > 0 && !valid(number)) --number;
  return number;
}

}  // namespace

std::optional<int> capability_number(std::string_view name) {
  std::string wanted(name);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (wanted.compare(0, kPrefix.size(), kPrefix) != 0) wanted.insert(0, kPrefix);
  const auto found = std::find(kNames.begin(), kNames.end(), wanted);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<int>(found - kNames.begin());
}

std::string_view capability_name(int number) {
  return number >= 0 && number < static_cast<int>(kNames.size()) ? kNames[static_cast<size_t>(number)] : "";
}

std::vector<std::string> capability_names() {
  return {kNames.begin(), kNames.end()};
}

int last_capability() {
  static const int last = find_last_capability();
  return last;
}

CapabilityMasks capability_masks(const oci::Capabilities& capabilities) {
  CapabilityMasks masks;
  const auto mask_of = [&](const std::vector<std::string>& names) {
    CapabilityMask mask = 0;
    for (const std::string& name : names) {
      const std::optional<int> number = capability_number(name);
      if (number && *number <= last_capability()) {
        mask |= CapabilityMask{1} << *number;
      } else if (std::find(masks.unknown.begin(), masks.unknown.end(), name) == masks.unknown.end()) {
        masks.unknown.push_back(name);
      }
    }
    return mask;
  };
  masks.bounding = mask_of(capabilities.bounding);
  masks.effective = mask_of(capabilities.effective);
  masks.inheritable = mask_of(capabilities.inheritable);
  masks.permitted = mask_of(capabilities.permitted);
  masks.ambient = mask_of(capabilities.ambient);
  return masks;
}

}  // namespace crunlite::runtime
