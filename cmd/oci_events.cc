// SPDX-License-Identifier: Apache-2.0
#include "cmd/duration.h"
#include "cmd/grammar.h"
#include "cmd/output.h"
#include "cmd/verbs.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

int oci_events(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite events", "Print what a container uses, and when it lacks memory, as JSON lines");
  runtime::Ref container{.root = globals.root};
  runtime::EventsOptions options;
  std::string interval = "5s";
  grammar.required("container-id", container.id, "which container");
  grammar.option("--interval", interval, "DURATION", "time between two lines (default: 5s)");
  grammar.flag("--stats", options.once, "one line at once, and no more");
  if (!grammar.read(args)) return 0;
  options.interval = parse_duration("--interval", interval);
  runtime::events(container, options, [](const json::Value& event) { print(json::dump(event) + "\n"); });
  return 0;
}

}  // namespace crunlite::cmd
