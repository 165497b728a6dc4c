// SPDX-License-Identifier: Apache-2.0
// The OCI meaning of `run`. That of docker is in cmd/run.cc; cmd/dispatch.h says which is meant.
#include "cmd/oci_create_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_run(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite run",
                  "Make a container from a bundle, run its program and delete the container");
  RunFlags flags;
  describe(grammar, flags);
  if (!grammar.read(as_go_reads_them(args))) return 0;
  complete_create_options(globals, flags.options.create);
  flags.options.subreaper = !flags.no_subreaper;
  return runtime::run(flags.options);
}

}  // namespace crunlite::cmd
