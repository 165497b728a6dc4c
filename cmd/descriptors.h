// SPDX-License-Identifier: Apache-2.0
// Which descriptors of our caller go on to the container: those of socket activation, and --preserve-fds
// more.
#pragma once

#include "cmd/command_line.h"

namespace crunlite::cmd {

// `preserve_fds` comes in as the flag says it and goes out with those of LISTEN_FDS added. Throws
// Error(kUsage) when one that is promised is not open.
void complete_descriptors(const Globals& globals, unsigned& preserve_fds, unsigned& listen_fds);

}  // namespace crunlite::cmd
