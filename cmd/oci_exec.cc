// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_exec_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_exec(const Globals& globals, const Args& args) {
  const std::optional<runtime::ExecOptions> options = read_exec_flags(globals, args);
  return options ? runtime::exec(*options) : 0;
}

}  // namespace crunlite::cmd
