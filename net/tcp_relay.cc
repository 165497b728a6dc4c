// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>

#include "base/sys.h"
#include "net/relay.h"

namespace crunlite::net {
namespace {

constexpr size_t kPipeSize = size_t{64} * 1024;  // the default of pipe(7)
constexpr int kRoundsPerTurn = 8;                // so that one busy connection does not starve the others

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

TcpRelay::TcpRelay(Poller& poller, UniqueFd client, RelayTarget target, std::function<void()> done)
    : poller_(poller), target_(std::move(target)), done_(std::move(done)), client_(std::move(client)) {
  for (Flow* flow : {&to_backend_, &to_client_}) {
    sys::Result<sys::PipeEnds> pipe = sys::pipe(O_NONBLOCK);
    if (!pipe.ok()) continue;  // the first splice fails, and with it this connection only
    flow->read_end = std::move(pipe->read);
    flow->write_end = std::move(pipe->write);
  }
  client_watch_ = poller_.watch(client_.get(), 0, [this](uint32_t) { pump(); });
  connect_next();
  // Nobody to connect to: the client's end is watched so that the next turn reports it.
  if (!backend_.valid()) client_watch_.want(EPOLLIN | EPOLLOUT);
}

void TcpRelay::connect_next() {
  while (next_address_ < target_.addresses.size()) {
    const Address& address = target_.addresses[next_address_++];
    backend_watch_ = {};
    sys::Result<UniqueFd> socket =
        sys::socket(static_cast<int>(address.family()), SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (!socket.ok()) continue;
    const SocketAddress to = socket_address(address, target_.port);
    if (::connect(socket->get(), to.get(), to.size) < 0 && errno != EINPROGRESS) continue;
    backend_ = std::move(*socket);
    backend_watch_ = poller_.watch(backend_.get(), EPOLLOUT, [this](uint32_t) { backend_ready(); });
    return;
  }
  backend_watch_ = {};
  backend_.reset();
}

void TcpRelay::backend_ready() {
  if (connected_) return pump();
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(backend_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    connect_next();
    if (!backend_.valid()) fail();
    return;
  }
  connected_ = true;
  pump();
}

// False when the connection is broken.
bool TcpRelay::move(int from, Flow& flow, int to) {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (flow.waiting == 0 && !flow.ended) {
      const ssize_t got = ::splice(from, nullptr, flow.write_end.get(), nullptr, kPipeSize,
                                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
      if (got < 0 && !would_block()) return false;
      if (got < 0) return true;
      flow.ended = got == 0;
      flow.waiting = static_cast<size_t>(got);
    }
    if (flow.waiting > 0) {
      const ssize_t put = ::splice(flow.read_end.get(), nullptr, to, nullptr, flow.waiting,
                                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
      if (put < 0 && !would_block()) return false;
      if (put < 0) return true;
      flow.waiting -= static_cast<size_t>(put);
    }
    if (flow.ended && flow.waiting == 0) {
      if (!flow.finished) (void)::shutdown(to, SHUT_WR);
      flow.finished = true;
      return true;
    }
  }
  return true;
}

void TcpRelay::pump() {
  if (!backend_.valid()) return fail();
  const bool alive =
      move(client_.get(), to_backend_, backend_.get()) && move(backend_.get(), to_client_, client_.get());
  if (!alive) return fail();
  if (to_backend_.finished && to_client_.finished) return done_();
  const auto reads = [](const Flow& flow) { return !flow.ended && flow.waiting == 0 ? EPOLLIN : 0u; };
  const auto writes = [](const Flow& flow) { return flow.waiting > 0 ? EPOLLOUT : 0u; };
  client_watch_.want(reads(to_backend_) | writes(to_client_));
  backend_watch_.want(reads(to_client_) | writes(to_backend_));
}

void TcpRelay::fail() {
  // A reset, as from a port where nobody listens, instead of an orderly end that hides the loss.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  done_();
}

}  // namespace crunlite::net
