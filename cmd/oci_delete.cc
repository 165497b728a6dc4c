// SPDX-License-Identifier: Apache-2.0
#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_delete(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite delete", "Delete a container that is not running");
  runtime::Ref container{.root = globals.root};
  bool force = false;
  grammar.required("container-id", container.id, "which container");
  grammar.flag("-f,--force", force, "kill it first; no error when there is no such container");
  if (!grammar.read(args)) return 0;
  runtime::remove(container, force ? runtime::Force::kYes : runtime::Force::kNo);
  return 0;
}

}  // namespace crunlite::cmd
