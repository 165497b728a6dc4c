// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "base/error.h"
#include "cmd/grammar.h"
#include "cmd/signals.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_kill(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite kill", "Send a signal to a container's first process");
  runtime::Ref container{.root = globals.root};
  std::string signal = "TERM";
  bool all = false;
  grammar.required("container-id", container.id, "which container");
  grammar.optional("signal", signal, "name or number (default: TERM)");
  grammar.flag("-a,--all", all, "to all its processes");
  if (!grammar.read(args)) return 0;
  runtime::kill(container, parse_signal(signal), all ? runtime::Whom::kAll : runtime::Whom::kInit);
  return 0;
}

}  // namespace crunlite::cmd
