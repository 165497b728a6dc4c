// SPDX-License-Identifier: Apache-2.0
// Descriptors and what to do when they are ready (epoll(7), level-triggered). A callback may add and remove
// any descriptor, its own included. Has no loop of its own: it is run by whoever polls fd().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/unique_fd.h"

namespace crunlite::net {

class Poller {
 public:
  using Callback = std::function<void(uint32_t events)>;
  // Removes its descriptor from the poller on destruction; the descriptor itself is somebody else's and has
  // to be open until then.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();
    // EPOLLIN, EPOLLOUT; 0: nothing, not even EPOLLHUP, which would otherwise be reported for ever.
    void want(uint32_t events);

   private:
    friend class Poller;
    Poller* poller_ = nullptr;
    uint64_t token_ = 0;
    int fd_ = -1;
    uint32_t events_ = 0;
  };

  Poller();  // throws SysError
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  int fd() const { return epoll_.get(); }
  Watch watch(int fd, uint32_t events, Callback callback);
  // Calls what is ready now; does not wait.
  void run();

 private:
  void control(int operation, const Watch& watch) const;
  UniqueFd epoll_;
  uint64_t next_token_ = 1;
  std::map<uint64_t, std::shared_ptr<Callback>> callbacks_;
};

}  // namespace crunlite::net
