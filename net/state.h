// SPDX-License-Identifier: Apache-2.0
// What crun-lite's network looks like on disk, below NetworkConfig::state_dir and behind one lock:
//   lock                  flock(2), exclusive while anything is changed
//   bridge.json           the bridge network while it exists, and what it changed on the host
//   leases/<IPv4>         an address in use; content: the container's id
//   records/<id>.json     a container's network; its owner holds a flock on it, see hold()
//   netns/<id>            the pinned namespace
// Everything is written before the thing it describes is made. Makes nothing in the kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "net/address.h"
#include "net/publish.h"
#include "net/sysctl.h"

namespace crunlite::net {

// One container's network.
struct Record {
  std::string container_id;
  std::string link;  // our end of its veth; empty: it has nothing but lo
  std::vector<Address> addresses;
  std::vector<PublishedPort> ports;
};

// The network that the containers share.
struct BridgeNetwork {
  std::string bridge;
  std::string alias;
  std::string table;
  std::vector<Subnet> subnets;  // IPv4 first; at most one per family
  uint32_t mtu = 1500;
  std::vector<SysctlChange> changes;    // of the host
  std::vector<std::string> interfaces;  // the host's, when it was made
  std::vector<Family> not_routed;       // families that were not forwarded between these before

  Address gateway(const Subnet& subnet) const { return subnet.host(1); }
};

class NetState {
 public:
  // Waits for the lock and holds it as long as the object lives. Throws SysError.
  static NetState lock(const std::string& dir);

  // The same number can be used in the IPv6 subnet. Throws Error(kState) when all are taken.
  Address take_lease(const Subnet& ipv4, const std::string& container_id);
  void release_leases(const Record& record);
  std::vector<Address> leases_of(const std::string& container_id) const;

  std::optional<Record> record(const std::string& container_id) const;
  // All that can be read; the others are logged.
  std::vector<Record> records() const;
  void write(const Record& record);
  void remove_record(const std::string& container_id);
  // A descriptor that marks the record as owned until the last copy of it is closed, by death too: no pid
  // that could be reused.
  UniqueFd hold(const std::string& container_id) const;
  bool has_owner(const std::string& container_id) const;

  std::optional<BridgeNetwork> bridge() const;
  void write(const BridgeNetwork& network);
  void remove_bridge();

  std::string netns_path(const std::string& container_id) const;

 private:
  NetState(std::string dir, UniqueFd dir_fd, UniqueFd lock)
      : dir_(std::move(dir)), dir_fd_(std::move(dir_fd)), lock_(std::move(lock)) {}
  size_t collect_leases();

  std::string dir_;
  UniqueFd dir_fd_;
  UniqueFd lock_;
};

// "[A-Za-z0-9][A-Za-z0-9_.-]*", at most 200 bytes: it becomes part of file names.
bool is_container_id(std::string_view id);
// "crl" and the 12 characters that users see of the id; of an id of another form, a hash of it.
std::string link_name(const std::string& container_id);

}  // namespace crunlite::net
