// SPDX-License-Identifier: Apache-2.0
// The flags of the OCI `exec` (runc's, and those of crun that differ), read into ExecOptions. Carrying them
// out is runtime/exec.h's.
#pragma once

#include <optional>

#include "cmd/command_line.h"
#include "runtime/exec.h"

namespace crunlite::cmd {

// Options end at the container's id; the rest is the command, after a `--` if there is one. Nothing: help was
// asked for and has been printed. Throws Error(kUsage).
std::optional<runtime::ExecOptions> read_exec_flags(const Globals& globals, const Args& args);

}  // namespace crunlite::cmd
