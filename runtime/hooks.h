// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the runtime's own namespaces: prestart, createRuntime, poststart and poststop (config.md,
// POSIX Hooks). Those that run inside the container are the init's work.
#pragma once

#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "oci/annotations.h"
#include "oci/spec.h"
#include "oci/state.h"

namespace crunlite::runtime {

// The files that all hooks write to when annotations say so (run.oci.hooks.stdout, …stderr); otherwise
// invalid. Throws.
struct HookOutput {
  UniqueFd out;
  UniqueFd err;
};
HookOutput open_hook_output(const oci::Annotations& annotations);

// Runs them in order; each reads the state document from its standard input. Throws Error at the first that
// fails, is killed, or outlives its timeout, with the end of what it wrote to standard error.
void run_hooks(std::string_view phase, const std::vector<oci::Hook>& hooks, const oci::State& state);

// The same for poststop: every hook runs, and a failure is only a warning (runtime.md, Lifecycle 13).
void run_poststop_hooks(const std::vector<oci::Hook>& hooks, const oci::State& state);

}  // namespace crunlite::runtime
