// SPDX-License-Identifier: Apache-2.0
// Hearing of it when a container runs out of memory, without asking again and again: an eventfd on v1's
// memory.oom_control, the kernel's notification of v2's memory.events.
#pragma once

#include <poll.h>

#include <cstdint>

#include "base/sys.h"

namespace crunlite::runtime {

class OomWatch {
 public:
  OomWatch() = default;  // of a container without the memory controller: never anything
  static OomWatch on_v1(int dir);
  static OomWatch on_v2(int dir);

  // For poll(2); fd -1 is passed over by it.
  pollfd request() const { return {.fd = fd_.get(), .events = events_, .revents = 0}; }
  // After poll has answered: whether there was not enough memory since the last call. It may also have been
  // the end of the cgroup, or another number of the file.
  bool happened();

 private:
  UniqueFd fd_;
  UniqueFd control_;  // v1: memory.oom_control
  short events_ = 0;
  uint64_t kills_ = 0;  // v2
};

}  // namespace crunlite::runtime
