// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/sys.h"
#include "cmd/grammar.h"
#include "cmd/output.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {
namespace {

using Row = std::vector<std::string>;

// Go's tabwriter with minimal width 12 and padding 3, which is what runc prints and scripts cut.
std::string table(const std::vector<Row>& rows) {
  std::string out;
  for (const Row& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      out += row[column];
      if (column + 1 == row.size()) continue;
      size_t width = 12;
      for (const Row& other : rows) width = std::max(width, other[column].size() + 3);
      out.append(width - row[column].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

std::vector<Row> rows_of(const std::vector<oci::State>& containers) {
  std::vector<Row> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const oci::State& c : containers)
    rows.push_back({c.id, cat(c.pid), std::string(oci::name_of(c.status)), c.bundle, c.created, c.owner});
  return rows;
}

std::vector<oci::State> containers_of(const Globals& globals) {
  // A default root that nobody has used yet holds no containers; a given one that is not there is a typing
  // mistake.
  if (globals.root_given)
    check(sys::stat_at(AT_FDCWD, globals.root.c_str(), 0), "open state root ", globals.root);
  return runtime::list(globals.root);
}

}  // namespace

int oci_list(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite list", "List containers");
  std::string format = "table";
  bool quiet = false;
  grammar.choice("-f,--format", format, {"table", "json"}, "table or json");
  grammar.flag("-q,--quiet", quiet, "only the IDs");
  if (!grammar.read(args)) return 0;
  const std::vector<oci::State> containers = containers_of(globals);
  if (quiet) {
    for (const oci::State& container : containers) print(container.id + "\n");
  } else if (format == "json") {
    json::Array out;
    for (const oci::State& container : containers) out.emplace_back(oci::encode_state(container));
    print(json::dump(out) + "\n");
  } else {
    print(table(rows_of(containers)));
  }
  return 0;
}

}  // namespace crunlite::cmd
