// SPDX-License-Identifier: Apache-2.0
// The two ways in which LoopbackForwarder carries bytes: one TCP connection by splice(2), and the clients of
// one UDP port. Both live inside a Poller and never block.
#pragma once

#include <functional>
#include <list>
#include <vector>

#include "net/address.h"
#include "net/poller.h"

namespace crunlite::net {

// Where a client is sent: tried in order until one accepts.
struct RelayTarget {
  std::vector<Address> addresses;
  uint16_t port = 0;
};

// A client and the container, until both have said everything.
class TcpRelay {
 public:
  // `done` is called once, when the relay may be destroyed; not from the constructor.
  TcpRelay(Poller& poller, UniqueFd client, RelayTarget target, std::function<void()> done);

 private:
  // One direction: what was read and is not written yet waits in a pipe.
  struct Flow {
    UniqueFd read_end;
    UniqueFd write_end;
    size_t waiting = 0;
    bool ended = false;     // the sender has closed
    bool finished = false;  // and the receiver knows
  };
  void connect_next();
  void backend_ready();
  void pump();
  bool move(int from, Flow& flow, int to);
  void fail();

  Poller& poller_;
  RelayTarget target_;
  std::function<void()> done_;
  size_t next_address_ = 0;
  bool connected_ = false;
  UniqueFd client_;
  UniqueFd backend_;
  Flow to_backend_;
  Flow to_client_;
  Poller::Watch client_watch_;  // after the descriptors: removed before they are closed
  Poller::Watch backend_watch_;
};

// The clients of one UDP port; each has a socket of its own towards the container, so that answers find back.
class UdpRelay {
 public:
  UdpRelay(Poller& poller, UniqueFd socket, RelayTarget target);

 private:
  struct Session {
    sockaddr_storage client{};
    socklen_t client_size = 0;
    UniqueFd backend;
    size_t next_address = 0;
    std::vector<char> first;  // sent again to the next address if nobody listens at this one
    Poller::Watch watch;
  };
  using Sessions = std::list<Session>;  // the one used last stands first
  void client_ready();
  void backend_ready(Sessions::iterator session);
  Sessions::iterator session_for(const sockaddr_storage& client, socklen_t size);
  bool connect_next(Sessions::iterator session);

  Poller& poller_;
  UniqueFd socket_;
  RelayTarget target_;
  std::vector<char> buffer_ = std::vector<char>(65536);
  Sessions sessions_;
  Poller::Watch watch_;
};

}  // namespace crunlite::net
