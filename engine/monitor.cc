// SPDX-License-Identifier: Apache-2.0
#include "engine/monitor.h"

#include <string.h>

#include "base/error.h"
#include "engine/hints.h"

namespace crunlite::engine {
namespace {

// Long enough for an interpreter to have loaded its program and opened its port.
constexpr unsigned kHintSeconds = 3;
// docker's: who presses Ctrl-C three times means it.
constexpr int kInterruptsToKill = 3;

bool is_interrupt(int signal) {
  return signal == SIGINT || signal == SIGTERM;
}

// Whether a signal sent to us is meant for the container: not those that the kernel sends about ourselves.
bool is_forwarded(int signal) {
  switch (signal) {
    case SIGCHLD:   // our own children
    case SIGPIPE:   // our own output; the container has its own pipes
    case SIGWINCH:  // becomes the size of the container's terminal
    case SIGTTIN:   // job control of our own terminal
    case SIGTTOU:
      return false;
    default:
      return true;
  }
}

}  // namespace

Monitor::Monitor(Monitored monitored) : monitored_(std::move(monitored)) {
  loop_.add(monitored_.init.pidfd(), [this] { loop_.stop(); });
  loop_.add(monitored_.signals.fd(), [this] { take_signals(); });
  loop_.add(monitored_.forwarder.fd(), [this] { monitored_.forwarder.serve(); });
}

sys::Exit Monitor::wait() {
  if (monitored_.hints && !monitored_.ports.empty()) {
    hint_timer_ = check(sys::timer_fd(kHintSeconds), "make a timer");
    const auto interest = [this] { return pollfd{hint_timer_.get(), POLLIN, 0}; };
    loop_.add(interest, [this] { look_for_loopback_listeners(); });
  }
  loop_.run();
  return monitored_.init.wait();
}

void Monitor::take_signals() {
  while (const std::optional<int> signal = monitored_.signals.next()) {
    if (*signal == SIGWINCH) monitored_.stdio.resize();
    if (is_forwarded(*signal)) forward(*signal);
  }
}

void Monitor::forward(int signal) {
  if (is_interrupt(signal) && ++interrupts_ >= kInterruptsToKill) signal = SIGKILL;
  const bool unhandled = is_interrupt(signal) && !init_handles_signal(monitored_.init.pid(), signal);
  if (unhandled && monitored_.hints && !said_unhandled_) {
    said_unhandled_ = true;
    monitored_.say(cat("hint: the container's program is PID 1 and has no handler for SIG",
                       ::sigabbrev_np(signal), ", so the kernel does not deliver it. ",
                       "With --init it ends at once; here, repeat the signal: the third one kills it."));
  }
  // ESRCH: it ended a moment ago, which is what the next turn of the loop will see.
  (void)sys::pidfd_send_signal(monitored_.init.pidfd(), signal);
}

void Monitor::look_for_loopback_listeners() {
  hint_timer_.reset();
  for (const std::string& hint : loopback_hints(monitored_.ports, listeners_of(monitored_.init.pid()))) {
    monitored_.say(cat("hint: ", hint));
  }
}

}  // namespace crunlite::engine
