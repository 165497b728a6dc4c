// SPDX-License-Identifier: Apache-2.0
#include "cmd/systemd_access.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cmd/other_programs.h"

namespace crunlite::cmd {
namespace {

// podman sets variables to nothing at all, which counts as unset.
std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value ? value : "";
}

// Whose manager it is: root of a user namespace is somebody else outside.
uid_t outer_uid() {
  constexpr size_t kMostText = 64u << 10;
  const std::string map = read_file(AT_FDCWD, "/proc/self/uid_map", kMostText);
  for (const std::string_view line : split(map, '\n')) {
    std::vector<uint32_t> numbers;
    for (const std::string_view word : split(line, ' '))
      if (const auto number = parse_number<uint32_t>(word)) numbers.push_back(*number);
    if (numbers.size() == 3 && ::geteuid() - numbers[0] < numbers[2])
      return numbers[1] + (::geteuid() - numbers[0]);
  }
  return ::geteuid();
}

std::vector<std::string> user_addresses() {
  std::string directory = variable("XDG_RUNTIME_DIR");
  if (!directory.starts_with('/')) directory = cat("/run/user/", outer_uid());
  std::vector<std::string> out{cat("unix:path=", directory, "/bus")};
  const std::string session = variable("DBUS_SESSION_BUS_ADDRESS");
  if (!session.empty() && session != out[0]) out.push_back(session);
  out.push_back(cat("unix:path=", directory, "/systemd/private"));
  return out;
}

std::vector<std::string> system_addresses() {
  const std::string given = variable("DBUS_SYSTEM_BUS_ADDRESS");
  return {given.empty() ? "unix:path=/run/dbus/system_bus_socket" : given, "unix:path=/run/systemd/private"};
}

}  // namespace

runtime::SystemdAccess systemd_access(bool user) {
  return {.helper = find_own_program("crun-lite-systemd"),
          .user = user,
          .addresses = user ? user_addresses() : system_addresses()};
}

}  // namespace crunlite::cmd
