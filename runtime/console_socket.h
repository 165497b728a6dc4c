// SPDX-License-Identifier: Apache-2.0
// Handing the master of the container's terminal to whoever asked for it (--console-socket, runc's
// docs/terminals.md): one message with the descriptor, whose bytes are the name of the terminal.
#pragma once

#include "base/unique_fd.h"

namespace crunlite::runtime {

// Throws SysError. runtime/unix_socket.h connects `socket`.
void send_console(int socket, const UniqueFd& master);

}  // namespace crunlite::runtime
