// SPDX-License-Identifier: Apache-2.0
// Staying with a container until it ends: what the caller's signals, terminal and orphans need meanwhile.
// Used by the OCI `run` and by the engine's foreground run; knows neither records nor images.
#pragma once

#include <signal.h>

#include <optional>

#include "base/child.h"
#include "runtime/notify_socket.h"
#include "runtime/terminal.h"

namespace crunlite::runtime {

// Blocks the signals that are to be forwarded, from before the container exists until this is destroyed: none
// gets lost, and none ends us while something would be left behind.
class SignalQueue {
 public:
  SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  ~SignalQueue();

  int fd() const { return fd_.get(); }
  // The next one that has arrived.
  std::optional<int> next();

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

// Orphans of the container become our children from now on (PR_SET_CHILD_SUBREAPER).
void become_subreaper();

// Forwards signals, terminal and readiness until `init` ends; gives how. `proxy` and `notify` may be null.
sys::Exit stay_with(Child& init, SignalQueue& signals, TerminalProxy* proxy, NotifySocket* notify = nullptr);

}  // namespace crunlite::runtime
