// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_flags.h"
#include "cmd/signals.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_kill(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite kill", "Send a signal to a container's first process");
  KillFlags flags;
  describe(grammar, flags);
  if (!grammar.read(args)) return 0;
  runtime::kill({.root = globals.root, .id = flags.id}, parse_signal(flags.signal),
                flags.all ? runtime::Whom::kAll : runtime::Whom::kInit);
  return 0;
}

}  // namespace crunlite::cmd
