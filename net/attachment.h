// SPDX-License-Identifier: Apache-2.0
// The one interface of this folder: give a container a network namespace with an address, a route and
// published ports, and take all of it away again. The runtime never sees it: it is handed the namespace's
// path. What exists is recorded under `state_dir` before it is made, so that detach() needs nothing else.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "net/config.h"
#include "net/port_reservation.h"
#include "net/publish.h"

namespace crunlite::net {

struct AttachRequest {
  std::string container_id;
  std::vector<PortMapping> ports;
  bool ipv6 = true;  // false, or a host without IPv6: the container has no IPv6 address but ::1
};

// A connected container. Detached on destruction unless keep() was called; then detach(config, id) does it.
class NetAttachment {
 public:
  NetAttachment() = default;
  NetAttachment(NetAttachment&& other) noexcept;
  NetAttachment& operator=(NetAttachment&& other) noexcept;
  ~NetAttachment();

  // For `namespaces[].path` of the bundle: a bind mount of the namespace, gone after detach.
  const std::string& netns_path() const { return netns_path_; }
  int netns_fd() const { return netns_.get(); }
  // The container's addresses, IPv4 first, and the gateways of the same families.
  const std::vector<Address>& addresses() const { return addresses_; }
  const std::vector<Address>& gateways() const { return gateways_; }
  const std::vector<PublishedPort>& ports() const { return ports_; }
  // What the user should know although it worked, ready to print.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The sockets that hold the host's ports. They have to live as long as the container: whoever monitors it
  // takes them and gives them to a LoopbackForwarder, which serves [::1].
  std::vector<ReservedPort> take_reservations();

  // Leaves the network in place when this object goes.
  void keep() { container_id_.clear(); }

 private:
  friend NetAttachment attach(const NetworkConfig&, const AttachRequest&);
  friend NetAttachment attach_none(const NetworkConfig&, const std::string&);

  NetworkConfig config_;
  std::string container_id_;  // empty: nothing to detach
  std::string netns_path_;
  UniqueFd netns_;
  UniqueFd alive_;  // flock on the record: held by the container's owner, see record.h
  std::vector<Address> addresses_;
  std::vector<Address> gateways_;
  std::vector<PublishedPort> ports_;
  std::vector<ReservedPort> reservations_;
  std::vector<std::string> warnings_;
};

// Throws Error; everything is as before then. kUsage: the request; kExists: a taken port or a network that
// exists for that id; kSystem: which step failed on which object.
NetAttachment attach(const NetworkConfig& config, const AttachRequest& request);

// A network namespace with nothing but `lo`: `--network none`. Recorded and detached like any other.
NetAttachment attach_none(const NetworkConfig& config, const std::string& container_id);

// Removes whatever is left of the container's network, also of one whose attach() was killed half-way, and
// the bridge and the table with the last one. Idempotent. Goes on past failures; gives back what failed.
std::vector<std::string> detach(const NetworkConfig& config, const std::string& container_id);

// Puts bridge, sysctls and firewall table back as the records say: after somebody's `nft flush ruleset`.
// Throws Error. A network without containers stays absent.
void repair(const NetworkConfig& config);

}  // namespace crunlite::net
