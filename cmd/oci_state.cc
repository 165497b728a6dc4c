// SPDX-License-Identifier: Apache-2.0
#include "cmd/grammar.h"
#include "cmd/output.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_state(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite state", "Print what a container is doing, as JSON");
  runtime::Ref container{.root = globals.root};
  grammar.required("container-id", container.id, "which container");
  if (!grammar.read(args)) return 0;
  print_json(oci::encode_state(runtime::state(container)));
  return 0;
}

}  // namespace crunlite::cmd
