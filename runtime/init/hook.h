// SPDX-License-Identifier: Apache-2.0
// Runs a hook in the container's namespaces: createContainer and startContainer (config.md, POSIX Hooks). The
// child's code.
#pragma once

#include "runtime/init/init.h"

namespace crunlite::runtime {

// Each reads the state on its standard input. The first that fails, is killed or outlives its timeout stops
// them; the note says which and how.
sys::Status run_hooks(Init& init, const HookPhasePlan& phase);

}  // namespace crunlite::runtime
