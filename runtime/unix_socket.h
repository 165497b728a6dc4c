// SPDX-License-Identifier: Apache-2.0
// Connecting to sockets that the caller named: console, seccomp agent, pidfd receiver, systemd. What is said
// over them is their users' business.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace crunlite::runtime {

// Connects to a path of any length, or to an abstract name ("@name", unix(7)). `type` is SOCK_STREAM or
// SOCK_DGRAM; `what` is for the message: "console socket". Throws SysError: "connect to console socket /p".
UniqueFd connect_unix(const std::string& path, int type, std::string_view what);

// Sends the pidfd as one message whose bytes are `name` (--pidfd-socket, run.oci.pidfd_receiver).
void send_pidfd(const std::string& path, int pidfd, std::string_view name);

}  // namespace crunlite::runtime
