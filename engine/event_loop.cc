// SPDX-License-Identifier: Apache-2.0
#include "engine/event_loop.h"

#include <vector>

#include "base/error.h"

namespace crunlite::engine {

void EventLoop::add(std::function<pollfd()> interest, std::function<void()> handler) {
  sources_.push_back({std::move(interest), std::move(handler)});
}

void EventLoop::add(int fd, std::function<void()> handler) {
  add([fd] { return pollfd{fd, POLLIN, 0}; }, std::move(handler));
}

void EventLoop::run() {
  running_ = true;
  while (running_) {
    std::vector<pollfd> fds;
    for (const Source& source : sources_) fds.push_back(source.interest());
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw SysError(errno, "wait for events");
    }
    for (size_t i = 0; i < fds.size() && running_; ++i) {
      if (fds[i].revents) sources_[i].handler();
    }
  }
}

}  // namespace crunlite::engine
