// SPDX-License-Identifier: Apache-2.0
#include "engine/defaults.h"

#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace crunlite::engine {
namespace {

constexpr const char* kCapabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

constexpr const char* kMaskedPaths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",  // keystroke timing of the host's console
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",  // power analysis (PLATYPUS)
    "/sys/firmware",
    "/sys/fs/selinux",
};

constexpr const char* kReadonlyPaths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

constexpr const char* kCpuDirectory = "/sys/devices/system/cpu";

// Each CPU counts how often it became too hot, on the host's account.
void add_thermal_throttle(std::vector<std::string>& paths) {
  std::vector<std::string> names;
  try {
    names = list_dir(AT_FDCWD, kCpuDirectory);
  } catch (const SysError&) {
    return;  // no sysfs on this host
  }
  for (const std::string& name : names) {
    if (name.compare(0, 3, "cpu") != 0 || !parse_number<unsigned>(std::string_view(name).substr(3))) continue;
    std::string path = cat(kCpuDirectory, "/", name, "/thermal_throttle");
    if (sys::stat_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).ok()) paths.push_back(std::move(path));
  }
}

}  // namespace

std::vector<std::string> default_capabilities() {
  return {std::begin(kCapabilities), std::end(kCapabilities)};
}

std::vector<std::string> default_masked_paths() {
  std::vector<std::string> paths(std::begin(kMaskedPaths), std::end(kMaskedPaths));
  add_thermal_throttle(paths);
  return paths;
}

std::vector<std::string> default_readonly_paths() {
  return {std::begin(kReadonlyPaths), std::end(kReadonlyPaths)};
}

std::vector<oci::Mount> default_mounts() {
  return {
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
  };
}

std::vector<oci::DeviceRule> default_device_rules() {
  return {{.allow = false, .type = 'a', .access = "rwm"}};
}

std::map<std::string, std::string> default_network_sysctls() {
  return {{"net.ipv4.ip_unprivileged_port_start", "0"}, {"net.ipv4.ping_group_range", "0 2147483647"}};
}

}  // namespace crunlite::engine
