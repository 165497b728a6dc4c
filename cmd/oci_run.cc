// SPDX-License-Identifier: Apache-2.0
// The OCI meaning of `run`. That of docker is in cmd/run.cc; cmd/dispatch.h says which is meant.
#include "cmd/oci_create_flags.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_run(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite run",
                  "Make a container from a bundle, run its program and delete the container");
  runtime::RunOptions options;
  bool no_subreaper = false;
  add_create_flags(grammar, options.create);
  grammar.flag("-d,--detach", options.detach, "do not wait for its end");
  grammar.flag("--keep", options.keep, "keep the container's record when it has ended");
  grammar.flag("--no-subreaper", no_subreaper, "leave the container's orphans to somebody else");
  if (!grammar.read(as_go_reads_them(args))) return 0;
  complete_create_options(globals, options.create);
  options.subreaper = !no_subreaper;
  return runtime::run(options);
}

}  // namespace crunlite::cmd
