// SPDX-License-Identifier: Apache-2.0
// Waits for descriptors and calls who asked for them. One thread, poll(2), a handful of descriptors: what the
// monitor of one container needs and no more.
#pragma once

#include <poll.h>

#include <deque>
#include <functional>

namespace crunlite::engine {

class EventLoop {
 public:
  // `interest` is asked before each wait; with fd -1 it waits for nothing now. Errors and hang-ups call the
  // handler too.
  void add(std::function<pollfd()> interest, std::function<void()> handler);
  // For readability of a descriptor that stays open.
  void add(int fd, std::function<void()> handler);

  // Calls handlers until one of them calls stop().
  void run();
  void stop() { running_ = false; }

 private:
  struct Source {
    std::function<pollfd()> interest;
    std::function<void()> handler;
  };
  std::deque<Source> sources_;  // a handler may add one while it runs: it must not move
  bool running_ = false;
};

}  // namespace crunlite::engine
