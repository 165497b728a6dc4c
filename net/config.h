// SPDX-License-Identifier: Apache-2.0
// What an administrator can choose about the bridge network. Values only; config.yaml is read by engine/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/address.h"

namespace crunlite::net {

struct NetworkConfig {
  // The firewall's table is `inet crun-lite`, or `inet crun-lite-BRIDGE` of a bridge that is not crl0.
  std::string bridge = "crl0";
  // The first that no route of the host overlaps is used, and stays as long as the network exists. Not the
  // ranges of docker (172.17-31), podman (10.88), Kubernetes (10.42-44, 10.96-111, 10.244) or libvirt
  // (192.168.122). Several, so that crun-lite also works inside a container of its own.
  std::vector<std::string> ipv4_subnets = {"10.219.0.0/16", "10.221.0.0/16", "10.223.0.0/16",
                                           "10.227.0.0/16"};
  // Unique local (RFC 4193). Empty: no IPv6 on this network.
  std::vector<std::string> ipv6_subnets = {"fd63:7275:6e6c::/64", "fd63:7275:6e6c:1::/64",
                                           "fd63:7275:6e6c:2::/64", "fd63:7275:6e6c:3::/64"};
  uint32_t mtu = 0;  // 0: that of the interface with the default route
  // Records, leases, locks and the namespaces' files. On a tmpfs, because all that it describes is gone after
  // a reboot. Absolute.
  std::string state_dir = "/run/crun-lite/net";
};

}  // namespace crunlite::net
