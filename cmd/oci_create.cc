// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_create_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_create(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite create", "Make a container from a bundle; `start` runs its program");
  CreateFlags flags;
  describe(grammar, flags);
  if (!grammar.read(as_go_reads_them(args))) return 0;
  complete_create_options(globals, flags.options);
  // It waits for `start`; our caller's subreaper is its parent from now on.
  runtime::create(flags.options).detach();
  return 0;
}

}  // namespace crunlite::cmd
