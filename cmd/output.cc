// SPDX-License-Identifier: Apache-2.0
#include "cmd/output.h"

#include <unistd.h>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::cmd {

void print(std::string_view text) {
  check(sys::write_all(STDOUT_FILENO, text), "write to standard output");
}

void print_json(const json::Value& document) {
  print(json::dump(document, json::Style::kIndented) + "\n");
}

}  // namespace crunlite::cmd
