// SPDX-License-Identifier: Apache-2.0
// What a foreground `run` does while its container lives: waits for its end, passes signals and window sizes
// on, copies terminal output, serves the ports that the kernel cannot redirect, and says what a newcomer
// could not know. It makes and removes nothing.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "engine/container_stdio.h"
#include "engine/event_loop.h"
#include "net/loopback_forwarder.h"
#include "net/publish.h"
#include "runtime/foreground.h"

namespace crunlite::engine {

// For the user, one line without prefix or newline.
using Say = std::function<void(std::string_view)>;

struct Monitored {
  Child& init;
  runtime::SignalQueue& signals;
  ContainerStdio& stdio;
  net::LoopbackForwarder& forwarder;
  std::vector<net::PublishedPort> ports;
  bool reaper = false;  // PID 1 is that of --init
  bool hints = true;
  Say say;
};

class Monitor {
 public:
  explicit Monitor(Monitored monitored);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Copying starts before the container's program does, so that nothing it writes has to wait.
  EventLoop& loop() { return loop_; }
  // Until the init process has ended.
  sys::Exit wait();

 private:
  void take_signals();
  void forward(int signal);
  // Calls `then` once, after that time. Each timer is used once.
  void start_timer(std::chrono::milliseconds time, UniqueFd& timer, std::function<void()> then);
  void explain_unhandled(int signal);
  void look_for_loopback_listeners();
  // Nobody can press Ctrl-C any more.
  void terminal_has_gone();

  Monitored monitored_;
  EventLoop loop_;
  UniqueFd listener_timer_;
  UniqueFd unhandled_timer_;
  UniqueFd reaper_timer_;
  UniqueFd hangup_timer_;
  int interrupts_ = 0;
  bool has_terminal_;
};

}  // namespace crunlite::engine
