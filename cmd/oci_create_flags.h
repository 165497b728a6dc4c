// SPDX-License-Identifier: Apache-2.0
// The flags that the OCI `create`, `run` and `restore` have in common, and what the environment adds to them.
// The image door has flags of its own (cmd/run_flags.h).
#pragma once

#include "cmd/command_line.h"
#include "cmd/criu_flags.h"
#include "cmd/grammar.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {

// go-runc writes -no-subreaper with one dash, which Go's flag package does not mind and CLI11 would read as
// short flags.
Args as_go_reads_them(Args args);

struct CreateFlags {
  runtime::CreateOptions options;
};
void describe(Grammar& grammar, CreateFlags& flags);

struct RunFlags {
  runtime::RunOptions options;
  bool no_subreaper = false;
};
void describe(Grammar& grammar, RunFlags& flags);

struct RestoreFlags {
  runtime::RestoreOptions options;
  CriuFlags criu;
  bool no_subreaper = false;
};
void describe(Grammar& grammar, RestoreFlags& flags);

// What the environment and the global flags say about it. Throws Error(kUsage) when a descriptor that
// --preserve-fds or LISTEN_FDS promises is not there.
void complete_create_options(const Globals& globals, runtime::CreateOptions& options);

}  // namespace crunlite::cmd
