// SPDX-License-Identifier: Apache-2.0
// Where a foreground container's input and output go. Files and pipes of ours are handed to it directly; our
// terminal never is, because whoever holds it can read the user's keys and change its modes: there the bytes
// are copied, through pipes or, with -t, through a terminal of the container's own.
#pragma once

#include <deque>
#include <optional>

#include "base/sys.h"
#include "engine/event_loop.h"
#include "engine/options.h"
#include "oci/spec.h"
#include "runtime/terminal.h"

namespace crunlite::engine {

class ContainerStdio {
 public:
  // Throws Error(kUsage) "the input device is not a TTY" for -i -t with something else as standard input.
  explicit ContainerStdio(const RunOptions& options);
  ContainerStdio(const ContainerStdio&) = delete;
  ContainerStdio& operator=(const ContainerStdio&) = delete;

  // For runtime::CreateOptions: the container's 0, 1 and 2, and the socket that its terminal's master comes
  // through (-1 without -t).
  int fd(int number) const { return container_ends_[number]; }
  int console_socket() const { return console_.second.get(); }
  // Of our terminal; nothing when there is none.
  static std::optional<oci::ConsoleSize> console_size();

  // After create: takes the terminal in, closes our copies of the container's ends and starts copying. `loop`
  // must not outlive this object.
  void attach(EventLoop& loop);
  // Our terminal has changed its size (SIGWINCH).
  void resize();
  // The container is gone: copies what it had written, and puts the terminal back.
  void finish();

 private:
  void share(int number);
  void add_input(EventLoop& loop, int to);
  void add_output(EventLoop& loop, int from, int to);
  void receive_terminal();

  bool interactive_;
  bool tty_;
  int container_ends_[3] = {0, 1, 2};
  UniqueFd null_;
  UniqueFd theirs_[3];  // the container's ends of pipes
  UniqueFd ours_[3];
  sys::SocketPair console_;
  UniqueFd master_;
  std::optional<runtime::RawMode> raw_;
  std::optional<runtime::Pump> input_;
  std::deque<runtime::Pump> outputs_;  // addresses stay: the loop holds them
};

}  // namespace crunlite::engine
