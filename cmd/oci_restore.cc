// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_create_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_restore(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite restore", "Make a container again from what `checkpoint` has written");
  RestoreFlags flags;
  describe(grammar, flags);
  if (!grammar.read(as_go_reads_them(args))) return 0;
  complete_create_options(globals, flags.options.create);
  complete_criu_settings(flags.criu, flags.options.criu);
  flags.options.subreaper = !flags.no_subreaper;
  return runtime::run_restored(flags.options);
}

}  // namespace crunlite::cmd
