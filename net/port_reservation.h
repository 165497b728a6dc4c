// SPDX-License-Identifier: Apache-2.0
// Host ports, reserved by really binding them: that is the only test of "free" that no other program can
// race. The sockets live as long as the container. The kernel sends published traffic to the container
// before it would reach them (DNAT), except to [::1], which LoopbackForwarder serves from them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "net/publish.h"

namespace crunlite::net {

struct ReservedPort {
  PublishedPort port;
  UniqueFd socket;  // bound; a TCP socket listens; nonblocking
};

struct ReserveOptions {
  bool ipv6 = true;  // whether "every address" includes [::]
  // Which container of ours holds a port; empty: none. Asked only when a bind has failed.
  std::function<std::string(const PublishedPort&)> holder;
};

// All of them or, throwing, none. Error(kExists) when a port is taken: "Bind for 0.0.0.0:5000 failed: port is
// already allocated" (a container of ours) or "…: address already in use" with the program that has it, as
// far as /proc tells.
std::vector<ReservedPort> reserve_ports(const std::vector<PortMapping>& mappings,
                                        const ReserveOptions& options);

}  // namespace crunlite::net
