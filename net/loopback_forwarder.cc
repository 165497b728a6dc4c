// SPDX-License-Identifier: Apache-2.0
#include "net/loopback_forwarder.h"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <list>

#include "base/sys.h"
#include "net/relay.h"

namespace crunlite::net {
namespace {

// Each TCP connection takes six descriptors, of usually 1024.
constexpr size_t kMostConnections = 120;

// splice(2) to a socket whose peer is gone raises SIGPIPE and has no flag against it. The process's own
// disposition is not ours to change, and would be inherited by what it starts.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigprocmask(SIG_BLOCK, &pipe_, &before_);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;
  ~SigpipeBlocked() {
    const timespec now{};
    if (!was_pending_) (void)::sigtimedwait(&pipe_, nullptr, &now);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

RelayTarget target_of(const PublishedPort& port, std::vector<Address> addresses) {
  const Family family = port.host_address.family();
  std::stable_sort(addresses.begin(), addresses.end(), [&](const Address& a, const Address& b) {
    return (a.family() == family) > (b.family() == family);
  });
  return {.addresses = std::move(addresses), .port = port.container_port};
}

}  // namespace

class LoopbackForwarder::Impl {
 public:
  Impl(std::vector<ReservedPort> ports, const std::vector<Address>& addresses) {
    for (ReservedPort& reserved : ports) {
      if (!reserved.socket.valid()) continue;
      const PublishedPort port = reserved.port;
      RelayTarget target = target_of(port, addresses);
      switch (port.protocol) {
        case Protocol::kTcp:
          listen(std::move(reserved.socket), std::move(target));
          break;
        case Protocol::kUdp:
          datagrams_.push_back(
              std::make_unique<UdpRelay>(poller_, std::move(reserved.socket), std::move(target)));
          break;
        // Only reserved: nothing here speaks it.
        case Protocol::kSctp:
          reserved_only_.push_back(std::move(reserved.socket));
          break;
      }
    }
  }

  int fd() const { return poller_.fd(); }

  void serve() {
    poller_.run();
    // A relay must not be destroyed while its own callback runs.
    for (const auto relay : finished_) connections_.erase(relay);
    if (!finished_.empty()) set_accepting(true);
    finished_.clear();
  }

 private:
  using Connections = std::list<std::unique_ptr<TcpRelay>>;
  struct Listener {
    UniqueFd socket;
    RelayTarget target;
    Poller::Watch watch;
  };

  void listen(UniqueFd socket, RelayTarget target) {
    listeners_.push_back({std::move(socket), std::move(target), {}});
    Listener& listener = listeners_.back();
    listener.watch =
        poller_.watch(listener.socket.get(), EPOLLIN, [this, &listener](uint32_t) { accept(listener); });
  }

  void accept(Listener& listener) {
    sys::Result<UniqueFd> client = sys::accept(listener.socket.get(), SOCK_NONBLOCK);
    if (!client.ok()) {
      // Out of descriptors: wait until a connection ends instead of being told about this one for ever.
      if ((client.error() == EMFILE || client.error() == ENFILE) && !connections_.empty())
        set_accepting(false);
      return;
    }
    connections_.emplace_back();
    const auto place = std::prev(connections_.end());
    *place = std::make_unique<TcpRelay>(poller_, std::move(*client), listener.target,
                                        [this, place] { finish(place); });
    if (connections_.size() >= kMostConnections) set_accepting(false);
  }

  void finish(Connections::iterator relay) {
    if (std::find(finished_.begin(), finished_.end(), relay) == finished_.end()) finished_.push_back(relay);
  }

  void set_accepting(bool on) {
    for (Listener& listener : listeners_) listener.watch.want(on ? uint32_t{EPOLLIN} : 0);
  }

  Poller poller_;  // first: the watches of everything below refer to it
  std::list<Listener> listeners_;
  std::vector<std::unique_ptr<UdpRelay>> datagrams_;
  std::vector<UniqueFd> reserved_only_;
  Connections connections_;
  std::vector<Connections::iterator> finished_;
};

LoopbackForwarder::LoopbackForwarder(std::vector<ReservedPort> ports, const std::vector<Address>& targets) {
  if (!ports.empty()) impl_ = std::make_unique<Impl>(std::move(ports), targets);
}
LoopbackForwarder::LoopbackForwarder(LoopbackForwarder&&) noexcept = default;
LoopbackForwarder& LoopbackForwarder::operator=(LoopbackForwarder&&) noexcept = default;
LoopbackForwarder::~LoopbackForwarder() = default;

int LoopbackForwarder::fd() const {
  return impl_ ? impl_->fd() : -1;
}

void LoopbackForwarder::serve() noexcept {
  try {
    const SigpipeBlocked guard;
    if (impl_) impl_->serve();
  } catch (const std::exception&) {
    // Out of memory: the connection in question is lost, the others go on.
  }
}

}  // namespace crunlite::net
