// SPDX-License-Identifier: Apache-2.0
#include "net/poller.h"

#include <sys/epoll.h>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::net {

Poller::Watch::Watch(Watch&& other) noexcept {
  *this = std::move(other);
}

Poller::Watch& Poller::Watch::operator=(Watch&& other) noexcept {
  std::swap(poller_, other.poller_);
  std::swap(token_, other.token_);
  std::swap(fd_, other.fd_);
  std::swap(events_, other.events_);
  return *this;
}

Poller::Watch::~Watch() {
  if (!poller_) return;
  want(0);
  poller_->callbacks_.erase(token_);
}

void Poller::Watch::want(uint32_t events) {
  if (!poller_ || events == events_) return;
  const int operation = events == 0 ? EPOLL_CTL_DEL : events_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  events_ = events;
  poller_->control(operation, *this);
}

Poller::Poller() : epoll_(check(sys::epoll_create(), "create an epoll instance")) {}

void Poller::control(int operation, const Watch& watch) const {
  epoll_event event{};
  event.events = watch.events_;
  event.data.u64 = watch.token_;
  // It fails only without memory; the descriptor is silent then, as one that is never ready.
  (void)::epoll_ctl(epoll_.get(), operation, watch.fd_, &event);
}

Poller::Watch Poller::watch(int fd, uint32_t events, Callback callback) {
  Watch watch;
  watch.poller_ = this;
  watch.token_ = next_token_++;
  watch.fd_ = fd;
  callbacks_[watch.token_] = std::make_shared<Callback>(std::move(callback));
  watch.want(events);
  return watch;
}

void Poller::run() {
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, 0);
  for (int i = 0; i < count; ++i) {
    // An earlier callback of this round may have removed it.
    const auto found = callbacks_.find(events[i].data.u64);
    if (found == callbacks_.end()) continue;
    const std::shared_ptr<Callback> callback = found->second;
    (*callback)(events[i].events);
  }
}

}  // namespace crunlite::net
