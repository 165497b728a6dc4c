// SPDX-License-Identifier: Apache-2.0
// The network that all containers share: bridge, gateway addresses, the host's forwarding, the firewall's
// standing rules. Made with the first container, gone with the last, put right in between whenever somebody
// else has removed a part.
#pragma once

#include "net/config.h"
#include "net/firewall.h"
#include "net/netlink.h"
#include "net/state.h"

namespace crunlite::net {

// The kernel's interfaces that all of this works through, each of the host's namespace.
struct Host {
  Proc proc;
  Netlink route;
  Netlink netfilter;
  static Host open();
};

// The network as it stands, complete. The one that exists keeps its subnets whatever the configuration says
// by now. Throws Error; what was made then is removed by remove_bridge_network_if_unused.
BridgeNetwork ensure_bridge_network(Host& host, NetState& state, const NetworkConfig& config);

// Puts everything back as the records say, whether it looks complete or not.
void repair_bridge_network(Host& host, NetState& state, const BridgeNetwork& network);

// What keeps packets of containers from being forwarded although our own rules let them: no accept of ours
// can overrule the drop of another table.
std::vector<std::string> forwarding_warnings(Host& host, const BridgeNetwork& network);

// Collects failures in `problems` instead of stopping. Returns whether there was one and it is gone.
bool remove_bridge_network_if_unused(Host& host, NetState& state, std::vector<std::string>& problems);

// Runs `step`; what it throws goes to `problems`.
void try_step(std::vector<std::string>& problems, const std::function<void()>& step);

}  // namespace crunlite::net
