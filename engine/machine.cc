// SPDX-License-Identifier: Apache-2.0
#include "engine/machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/proc.h"
#include "runtime/capabilities.h"
#include "runtime/rlimit_names.h"

namespace crunlite::engine {
namespace {

uint64_t permitted_mask() {
  const Proc proc = check(Proc::open(), "open procfs");
  const UniqueFd status = check(proc.open_file("self/status", O_RDONLY), "open /proc/self/status");
  const std::string text = read_fd(status.get(), "/proc/self/status", 1u << 20);
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with("CapPrm:")) continue;
    const std::string_view hex = trim(line.substr(7));
    uint64_t mask = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), mask, 16);
    return mask;
  }
  throw Error(ErrorKind::kSystem, "/proc/self/status has no CapPrm");
}

}  // namespace

std::vector<std::string> available_capabilities() {
  const uint64_t mask = permitted_mask();
  std::vector<std::string> out;
  for (int number = 0; number < 64; ++number) {
    const std::string_view name = runtime::capability_name(number);
    if (((mask >> number) & 1) && !name.empty()) out.emplace_back(name);
  }
  return out;
}

std::map<std::string, uint64_t> hard_limits(const std::vector<std::string>& capabilities) {
  std::map<std::string, uint64_t> out;
  if (std::count(capabilities.begin(), capabilities.end(), "CAP_SYS_RESOURCE")) return out;
  for (const auto& [name, resource] : runtime::kRlimitNames) {
    rlimit now{};
    const auto number = static_cast<__rlimit_resource_t>(resource);
    if (::getrlimit(number, &now) == 0) out[std::string(name)] = now.rlim_max;
  }
  return out;
}

bool has_swap_limits() {
  // cgroup v2 always can, from Linux 5.8 on.
  if (!sys::stat_at(AT_FDCWD, "/sys/fs/cgroup/memory", 0).ok()) return true;
  return sys::stat_at(AT_FDCWD, "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", 0).ok();
}

std::string host_name() {
  utsname names{};
  if (::uname(&names) < 0) throw SysError(errno, "uname");
  return names.nodename;
}

}  // namespace crunlite::engine
