// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_create_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_create(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite create", "Make a container from a bundle; `start` runs its program");
  runtime::CreateOptions options;
  add_create_flags(grammar, options);
  grammar.ignored_flag("--no-subreaper");
  if (!grammar.read(as_go_reads_them(args))) return 0;
  complete_create_options(globals, options);
  // It waits for `start`; our caller's subreaper is its parent from now on.
  runtime::create(options).detach();
  return 0;
}

}  // namespace crunlite::cmd
