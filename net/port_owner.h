// SPDX-License-Identifier: Apache-2.0
// Who has a host port: for the text of an error, never for a decision.
#pragma once

#include <string>

#include "net/publish.h"

namespace crunlite::net {

// "python3 (pid 4711)"; empty when /proc does not tell, as for another user's process or one in another pid
// namespace. Never throws.
std::string describe_port_owner(const PublishedPort& port) noexcept;

}  // namespace crunlite::net
