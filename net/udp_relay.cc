// SPDX-License-Identifier: Apache-2.0
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "base/sys.h"
#include "net/relay.h"

namespace crunlite::net {
namespace {

// UDP clients do not say when they are done: the one that has been silent longest makes room.
constexpr size_t kMostSessions = 128;
constexpr int kDatagramsPerTurn = 64;

}  // namespace

UdpRelay::UdpRelay(Poller& poller, UniqueFd socket, RelayTarget target)
    : poller_(poller), socket_(std::move(socket)), target_(std::move(target)) {
  watch_ = poller_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { client_ready(); });
}

void UdpRelay::client_ready() {
  for (int i = 0; i < kDatagramsPerTurn; ++i) {
    sockaddr_storage client{};
    socklen_t size = sizeof client;
    const ssize_t got = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&client), &size);
    if (got < 0) return;
    const auto session = session_for(client, size);
    if (session == sessions_.end()) return;
    const auto length = static_cast<size_t>(got);
    if (session->next_address < target_.addresses.size())
      session->first.assign(buffer_.begin(), buffer_.begin() + got);
    // What cannot be sent is lost, as datagrams are.
    (void)::send(session->backend.get(), buffer_.data(), length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

UdpRelay::Sessions::iterator UdpRelay::session_for(const sockaddr_storage& client, socklen_t size) {
  auto session = std::find_if(sessions_.begin(), sessions_.end(), [&](const Session& known) {
    return known.client_size == size && std::memcmp(&known.client, &client, size) == 0;
  });
  if (session == sessions_.end()) {
    if (sessions_.size() >= kMostSessions) sessions_.pop_back();
    sessions_.push_front({.client = client, .client_size = size});
    session = sessions_.begin();
    if (!connect_next(session)) {
      sessions_.erase(session);
      return sessions_.end();
    }
  }
  sessions_.splice(sessions_.begin(), sessions_, session);
  return session;
}

bool UdpRelay::connect_next(Sessions::iterator session) {
  while (session->next_address < target_.addresses.size()) {
    const Address& address = target_.addresses[session->next_address++];
    sys::Result<UniqueFd> socket =
        sys::socket(static_cast<int>(address.family()), SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (!socket.ok()) continue;
    const SocketAddress to = socket_address(address, target_.port);
    if (::connect(socket->get(), to.get(), to.size) < 0) continue;
    session->watch = {};
    session->backend = std::move(*socket);
    session->watch =
        poller_.watch(session->backend.get(), EPOLLIN, [this, session](uint32_t) { backend_ready(session); });
    return true;
  }
  return false;
}

void UdpRelay::backend_ready(Sessions::iterator session) {
  for (int i = 0; i < kDatagramsPerTurn; ++i) {
    const ssize_t got = ::recv(session->backend.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == ECONNREFUSED && connect_next(session)) {
      (void)::send(session->backend.get(), session->first.data(), session->first.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
      return;
    }
    if (got < 0) return;
    session->next_address = target_.addresses.size();  // somebody answers here: stay
    session->first.clear();
    (void)::sendto(socket_.get(), buffer_.data(), static_cast<size_t>(got), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&session->client), session->client_size);
  }
}

}  // namespace crunlite::net
