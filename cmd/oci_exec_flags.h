// SPDX-License-Identifier: Apache-2.0
// The flags of the OCI `exec` (runc's, and those of crun that differ), read into ExecOptions. Carrying them
// out is runtime/exec.h's.
#pragma once

#include <optional>

#include "cmd/command_line.h"
#include "cmd/grammar.h"
#include "runtime/exec.h"

namespace crunlite::cmd {

// As the command line has them.
struct ExecFlags {
  runtime::ExecOptions options;
  std::string user;
  std::vector<std::string> additional_gids;
  std::vector<std::string> cgroups;
  bool no_new_privileges = false;
  bool no_subreaper = false;
  bool help = false;
};
void describe(Grammar& grammar, ExecFlags& flags);

// Options end at the container's id; the rest is the command, after a `--` if there is one. Nothing: help was
// asked for and has been printed. Throws Error(kUsage).
std::optional<runtime::ExecOptions> read_exec_flags(const Globals& globals, const Args& args);

}  // namespace crunlite::cmd
