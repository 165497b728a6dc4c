// SPDX-License-Identifier: Apache-2.0
// Network devices of the host that are lent to a container (linux.netDevices): moved into its network
// namespace with their global addresses and set up there, and brought back when its creation fails. What the
// kernel does with them when the namespace ends is not ours: real devices come back, virtual ones are gone.
#pragma once

#include <linux/if_addr.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace crunlite::net {

class MovedLinks {
 public:
  // Into `netns`, from the namespace that the calling thread is in.
  explicit MovedLinks(UniqueFd netns) : netns_(std::move(netns)) {}
  MovedLinks(const MovedLinks&) = delete;
  MovedLinks& operator=(const MovedLinks&) = delete;
  // Brings back what was moved unless keep().
  ~MovedLinks();

  // `new_name` may end in %d, for which the kernel chooses a number; empty: the same name. Throws Error
  // (kNotFound: no such device; kExists: the container has one of that name), SysError.
  void move(const std::string& name, const std::string& new_name);
  void keep() { moved_.clear(); }

 private:
  // As rtnetlink tells it: an address keeps its local and peer part, broadcast, scope, flags and metric.
  struct LinkAddress {
    ifaddrmsg header{};
    std::vector<std::pair<uint16_t, std::vector<uint8_t>>> attributes;
  };
  struct Moved {
    std::string name;  // on the host
    bool up = false;   // there
    std::vector<LinkAddress> addresses;
    uint32_t index = 0;  // in the container
  };
  static std::vector<LinkAddress> addresses_of(uint32_t index);
  static void add_addresses(const std::vector<LinkAddress>& addresses, uint32_t index,
                            const std::string& name);
  void bring_back(const Moved& link);

  UniqueFd netns_;
  std::vector<Moved> moved_;
};

// 1 to 15 bytes, no slash, colon or white space, not "." or ".." (the kernel's dev_valid_name()).
bool is_link_name(std::string_view name);

}  // namespace crunlite::net
