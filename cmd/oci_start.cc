// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_start(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite start", "Run the program of a container that `create` made");
  runtime::Ref container{.root = globals.root};
  grammar.required("container-id", container.id, "which container");
  if (!grammar.read(args)) return 0;
  const char* notify_socket = ::getenv("NOTIFY_SOCKET");
  runtime::start(container, notify_socket ? notify_socket : "");
  return 0;
}

}  // namespace crunlite::cmd
