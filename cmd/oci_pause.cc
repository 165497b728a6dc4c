// SPDX-License-Identifier: Apache-2.0
#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_pause(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite pause", "Stop all processes of a container until `resume`");
  runtime::Ref container{.root = globals.root};
  grammar.required("container-id", container.id, "which container");
  if (!grammar.read(args)) return 0;
  runtime::pause(container);
  return 0;
}

int oci_resume(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite resume", "Let the processes of a paused container go on");
  runtime::Ref container{.root = globals.root};
  grammar.required("container-id", container.id, "which container");
  if (!grammar.read(args)) return 0;
  runtime::resume(container);
  return 0;
}

}  // namespace crunlite::cmd
