// SPDX-License-Identifier: Apache-2.0
// The only orchestrator: from an image's name and the user's options to a container that runs in the
// foreground, and to a machine that is as before. Every layer below does one part; the order is here.
#pragma once

#include "engine/config.h"
#include "engine/monitor.h"
#include "engine/options.h"

namespace crunlite::engine {

// Runs a container of `options.image` until it ends and gives its exit code, 128 + n for a signal. Throws
// Error when it could not be started; then, too, nothing is left behind. What a killed earlier run left is
// cleared away first.
int launch(const Config& config, const RunOptions& options, const Say& say);

}  // namespace crunlite::engine
