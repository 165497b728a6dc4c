// SPDX-License-Identifier: Apache-2.0
#include "runtime/labels.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {
namespace {

// Callers find out what has failed by the path in backquotes (podman: "set security attribute"). The words
// "no such file" must not be there: it would take them for a missing program.
Error not_there(std::string_view what, std::string_view value, std::string_view module) {
  return Error(ErrorKind::kUnsupported, what, ": cannot set ", quote(value), ": ", module,
               " is not enabled on this machine (nobody reads `/proc/self/attr/exec`)");
}

}  // namespace

bool has_apparmor() {
  try {
    return read_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 64).starts_with('Y');
  } catch (const Error&) {
    return false;
  }
}

bool has_selinux(const Proc& proc) {
  constexpr size_t kLimit = 64u << 10;
  const UniqueFd file = check(proc.open_file("filesystems", O_RDONLY), "open filesystems");
  // Registered only when SELinux was not switched off at boot.
  return read_fd(file.get(), "filesystems", kLimit).find("\tselinuxfs\n") != std::string::npos;
}

void require_label_support(const std::string& apparmor, const std::string& selinux,
                           const std::string& mount_label, const Proc& proc) {
  if (!apparmor.empty() && !has_apparmor()) throw not_there("process.apparmorProfile", apparmor, "AppArmor");
  if (selinux.empty() && mount_label.empty()) return;
  if (has_selinux(proc)) return;
  if (!selinux.empty()) throw not_there("process.selinuxLabel", selinux, "SELinux");
  throw not_there("linux.mountLabel", mount_label, "SELinux");
}

}  // namespace crunlite::runtime
