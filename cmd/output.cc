// SPDX-License-Identifier: Apache-2.0
#include "cmd/output.h"

#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"

namespace crunlite::cmd {

void print(std::string_view text) {
  check(sys::write_all(STDOUT_FILENO, text), "write to standard output");
}

void log_error(std::string_view prefix, const Error& error, std::string_view suffix) {
  const std::string_view text = error.what();
  if (error.kind() != ErrorKind::kConfig) return log::error(cat(prefix, text, suffix));
  for (const std::string_view line : split(text, '\n')) log::error(cat(prefix, line, suffix));
}

std::string remedy_of(const Error& error) {
  const auto* system = dynamic_cast<const SysError*>(&error);
  const bool refused = system && (system->error() == EACCES || system->error() == EPERM);
  if (error.remedy().empty() && refused && ::geteuid() != 0) return "crun-lite needs root: try it with sudo";
  return error.remedy();
}

void print_json(const json::Value& document, json::Style style) {
  print(json::dump(document, style) + "\n");
}

}  // namespace crunlite::cmd
