// SPDX-License-Identifier: Apache-2.0
// Carries connections that reach a reserved host port itself to the container: those to [::1], for which the
// kernel has no redirection out of the loopback interface, and everything should the firewall table be gone.
// TCP by splice(2), UDP by datagram. No thread: whoever monitors the container polls fd() and calls serve().
#pragma once

#include <memory>
#include <vector>

#include "net/port_reservation.h"

namespace crunlite::net {

class LoopbackForwarder {
 public:
  // Takes the sockets over. `targets`: the container's addresses; one of the client's own family is tried
  // first, then the other (a program that listens on 0.0.0.0 only is reached through [::1] too).
  LoopbackForwarder(std::vector<ReservedPort> ports, const std::vector<Address>& targets);
  LoopbackForwarder(LoopbackForwarder&&) noexcept;
  LoopbackForwarder& operator=(LoopbackForwarder&&) noexcept;
  ~LoopbackForwarder();

  // Readable when serve() has something to do. -1 when no port was given.
  int fd() const;
  // Never blocks, never throws: a connection that fails is closed.
  void serve() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crunlite::net
