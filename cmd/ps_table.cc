// SPDX-License-Identifier: Apache-2.0
#include "cmd/ps_table.h"

#include <algorithm>

#include "base/error.h"

namespace crunlite::cmd {
namespace {

// Fields are separated by any number of blanks.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields = split(line, ' ');
  std::erase(fields, std::string_view());
  return fields;
}

}  // namespace

std::string lines_of_processes(std::string_view table, const std::vector<pid_t>& pids) {
  const std::vector<std::string_view> lines = split(table, '\n');
  const std::vector<std::string_view> head = fields_of(lines.front());
  const auto column = static_cast<size_t>(std::ranges::find(head, "PID") - head.begin());
  if (column == head.size())
    throw Error(ErrorKind::kUsage, "couldn't find PID field in ps output")
        .with_remedy("have ps print it, for example with `-o pid,args`");
  std::string out = cat(lines.front(), "\n");
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string_view> fields = fields_of(lines[i]);
    if (fields.size() <= column) continue;
    const std::optional<pid_t> pid = parse_number<pid_t>(fields[column]);
    if (pid && std::ranges::binary_search(pids, *pid)) out += cat(lines[i], "\n");
  }
  return out;
}

}  // namespace crunlite::cmd
