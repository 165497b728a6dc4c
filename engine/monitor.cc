// SPDX-License-Identifier: Apache-2.0
#include "engine/monitor.h"

#include <string.h>

#include "base/error.h"
#include "engine/hints.h"

namespace crunlite::engine {
namespace {

// Long enough for an interpreter to have loaded its program and opened its port.
constexpr std::chrono::seconds kUntilListening{3};
// Long enough for a program that does end.
constexpr std::chrono::seconds kUntilUnhandled{2};
// Between execve and its first instructions a reaper does not take signals yet, and PID 1 loses them for
// good.
constexpr std::chrono::milliseconds kUntilReaping{50};
// docker's: who presses Ctrl-C three times means it.
constexpr int kInterruptsToKill = 3;

// docker's between asking a container to end and ending it.
constexpr std::chrono::seconds kUntilKilled{10};

bool has_terminal() {
  return sys::open_at(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY).ok();  // tty(4): ENXIO when there is none
}

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

Monitor::Monitor(Monitored monitored) : monitored_(std::move(monitored)), has_terminal_(has_terminal()) {
  loop_.add(monitored_.init.pidfd(), [this] { loop_.stop(); });
  const auto signals = [this] {
    return pollfd{reaper_timer_.valid() ? -1 : monitored_.signals.fd(), POLLIN, 0};
  };
  loop_.add(signals, [this] { take_signals(); });
  loop_.add(monitored_.forwarder.fd(), [this] { monitored_.forwarder.serve(); });
}

sys::Exit Monitor::wait() {
  if (monitored_.reaper) start_timer(kUntilReaping, reaper_timer_, [] {});
  if (monitored_.hints && !monitored_.ports.empty()) {
    start_timer(kUntilListening, listener_timer_, [this] { look_for_loopback_listeners(); });
  }
  loop_.run();
  return monitored_.init.wait();
}

void Monitor::start_timer(std::chrono::milliseconds time, UniqueFd& timer, std::function<void()> then) {
  timer = check(sys::timer_fd(static_cast<unsigned>(time.count())), "make a timer");
  loop_.add(
      [&timer] {
        return pollfd{timer.get(), POLLIN, 0};
      },
      [&timer, then = std::move(then)] {
        timer.reset();
        then();
      });
}

void Monitor::take_signals() {
  while (const std::optional<int> signal = monitored_.signals.next()) {
    if (*signal == SIGWINCH) monitored_.stdio.resize();
    if (is_forwarded(*signal)) forward(*signal);
  }
}

void Monitor::forward(int signal) {
  if (is_interrupt(signal) && ++interrupts_ == 1 && monitored_.hints) {
    start_timer(kUntilUnhandled, unhandled_timer_, [this, signal] { explain_unhandled(signal); });
  }
  // A SIGHUP that somebody sends asks many a server to read its configuration again. This one does not.
  if (signal == SIGHUP && has_terminal_ && !has_terminal()) terminal_has_gone();
  if (interrupts_ >= kInterruptsToKill) signal = SIGKILL;
  // ESRCH: it ended a moment ago, which is what the next turn of the loop will see.
  (void)sys::pidfd_send_signal(monitored_.init.pidfd(), signal);
}

void Monitor::terminal_has_gone() {
  has_terminal_ = false;
  start_timer(kUntilKilled, hangup_timer_,
              [this] { (void)sys::pidfd_send_signal(monitored_.init.pidfd(), SIGKILL); });
}

// Not at once: a reaper that waits in sigwait(3) has no handler either, and ends very soon.
void Monitor::explain_unhandled(int signal) {
  if (init_handles_signal(monitored_.init.pid(), signal)) return;
  monitored_.say(
      cat("hint: the container's program is PID 1 and has no handler for SIG", ::sigabbrev_np(signal),
          ", so the kernel does not deliver it. With --init it ends at once; here, repeat the signal: ",
          "the third one kills it."));
}

void Monitor::look_for_loopback_listeners() {
  for (const std::string& hint : loopback_hints(monitored_.ports, listeners_of(monitored_.init.pid()))) {
    monitored_.say(cat("hint: ", hint));
  }
}

}  // namespace crunlite::engine
