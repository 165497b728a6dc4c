// SPDX-License-Identifier: Apache-2.0
// What the table `inet crun-lite` says: the rules that hold before any container is up, and the map entries
// that publish a port. Nothing of anybody else's is read or changed. Starting and stopping a container adds
// and removes map entries only, in one atomic step whatever their number.
#pragma once

#include <string>
#include <vector>

#include "net/address.h"
#include "net/netlink.h"
#include "net/publish.h"

namespace crunlite::net {

// Interfaces between which the families named were not forwarded before we turned forwarding on.
struct NotRouted {
  std::vector<std::string> interfaces;
  std::vector<Family> families;
};

struct FirewallPlan {
  std::string table;
  std::string bridge;
  std::vector<Subnet> subnets;  // of the bridge, one per family
  // Whether the kernel may send 127.0.0.0/8 out of the bridge (route_localnet); false: 127.0.0.1 is left to
  // the LoopbackForwarder.
  bool loopback = true;
  NotRouted not_routed;
};
// Removes the table if it is there.
void remove_firewall(Netlink& netfilter, const std::string& table);

// The ports of one container. Those on ::1 have no entry: LoopbackForwarder serves them.
struct Publication {
  std::string container_id;
  std::vector<PublishedPort> ports;
  std::vector<Address> addresses;  // the container's, at most one per family
};
// Replaces the table, with all its chains, rules and entries, in one step. Throws SysError; the old table
// stays then.
void install_firewall(Netlink& netfilter, const FirewallPlan& plan,
                      const std::vector<Publication>& publications);
// All or, throwing SysError, none.
void publish(Netlink& netfilter, const std::string& table, const Publication& publication);
// Removes the entries that are there; others and a missing table are fine.
void unpublish(Netlink& netfilter, const std::string& table, const Publication& publication);

}  // namespace crunlite::net
