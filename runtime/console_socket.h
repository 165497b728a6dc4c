// SPDX-License-Identifier: Apache-2.0
// Handing the master of the container's terminal to whoever asked for it (--console-socket, runc's
// docs/terminals.md): one message with the descriptor, whose bytes are the name of the terminal.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace crunlite::runtime {

// Throws SysError. The path may be longer than sun_path.
UniqueFd connect_console_socket(const std::string& path);

void send_console(int socket, const UniqueFd& master);

}  // namespace crunlite::runtime
