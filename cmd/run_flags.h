// SPDX-License-Identifier: Apache-2.0
// The grammar of `run IMAGE [COMMAND]`: docker's flags, applied over the defaults of config.yaml. Only text
// to values; nothing is started here.
#pragma once

#include <optional>

#include "cmd/command_line.h"
#include "engine/options.h"

namespace crunlite::cmd {

// Nothing when help was asked for and has been printed. Flags stop at the image's name. Throws Error(kUsage)
// in docker's words. `defaults`: what config.yaml says.
std::optional<engine::RunOptions> parse_run(const Args& args, const engine::RunOptions& defaults);

}  // namespace crunlite::cmd
