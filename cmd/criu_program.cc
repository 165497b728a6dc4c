// SPDX-License-Identifier: Apache-2.0
#include "cmd/criu_program.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"

namespace crunlite::cmd {
namespace {

constexpr std::string_view kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string search_path() {
  const char* path = ::getenv("PATH");
  return path && *path ? path : std::string(kUsualPath);
}

}  // namespace

std::string find_in_path(std::string_view path, std::string_view name) {
  for (const std::string_view directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::string candidate = cat(directory, directory.ends_with('/') ? "" : "/", name);
    const sys::Result<struct stat> st = sys::stat_at(AT_FDCWD, candidate.c_str(), 0);
    if (st.ok() && S_ISREG(st->st_mode) && (st->st_mode & 0111)) return candidate;
  }
  return {};
}

runtime::CriuProgram find_criu() {
  const std::string path = search_path();
  runtime::CriuProgram program{.path = find_in_path(path, "criu"), .searched = path, .env = {}};
  if (program.path.empty()) return program;
  for (char** variable = environ; *variable; ++variable) program.env.emplace_back(*variable);
  program.has_iptables = !find_in_path(path, "iptables-restore").empty();
  return program;
}

}  // namespace crunlite::cmd
