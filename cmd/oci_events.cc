// SPDX-License-Identifier: Apache-2.0
#include "cmd/duration.h"
#include "cmd/oci_flags.h"
#include "cmd/output.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {

int oci_events(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite events", "Print what a container uses, and when it lacks memory, as JSON lines");
  EventsFlags flags;
  describe(grammar, flags);
  if (!grammar.read(args)) return 0;
  flags.options.interval = parse_duration("--interval", flags.interval);
  runtime::events({.root = globals.root, .id = flags.id}, flags.options,
                  [](const json::Value& event) { print(json::dump(event) + "\n"); });
  return 0;
}

}  // namespace crunlite::cmd
