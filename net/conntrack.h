// SPDX-License-Identifier: Apache-2.0
// Forgets tracked connections (ctnetlink, <linux/netfilter/nfnetlink_conntrack.h>), so that nobody's packets
// go where a rule that is gone, or was not there yet, once sent them (SECURITY N9).
#pragma once

#include <vector>

#include "net/netlink.h"
#include "net/publish.h"

namespace crunlite::net {

// UDP "connections" that were redirected to these addresses of a container that is gone.
void forget_udp_to(Netlink& netfilter, const std::vector<Address>& addresses);

// UDP "connections" to newly published ports: a client that kept sending before is otherwise never
// redirected, because address translation looks at a connection's first packet only.
void forget_udp_clients_of(Netlink& netfilter, const std::vector<PublishedPort>& ports);

}  // namespace crunlite::net
