// SPDX-License-Identifier: Apache-2.0
// Our caller's terminal joined to the container's: raw mode while it lasts, bytes both ways, and the window
// size. What `run` needs in the foreground; the container's end of the terminal is the init's work.
#pragma once

#include <poll.h>
#include <termios.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace crunlite::runtime {

// Raw mode for a terminal, and its old settings again afterwards. Does nothing for what is no terminal.
class RawMode {
 public:
  // Whether the terminal still makes CR LF of LF.
  enum class Output { kRaw, kProcessed };
  explicit RawMode(int terminal, Output output = Output::kRaw);
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode();

 private:
  int terminal_;
  std::optional<termios> before_;
};

// Bytes from one descriptor to another with one buffer between them: a slow reader slows the writer down,
// nothing grows.
class Pump {
 public:
  Pump(int from, int to) : from_(from), to_(to) {}
  // What it waits for; fd -1 when it waits for nothing.
  pollfd interest() const;
  // After poll() said that `interest()` is ready.
  void move();
  // Takes what can be read without waiting and delivers it.
  void drain();
  // `from` is at its end, and everything was delivered.
  bool ended() const { return from_ < 0 && buffer_.empty(); }

 private:
  bool fill();
  bool deliver();

  int from_;  // -1: ended
  int to_;
  std::string buffer_;
};

class TerminalProxy {
 public:
  // `master` is of the container's terminal; `in` and `out` are ours. As with runc, LF becomes CR LF at our
  // end, if that is a terminal: what goes into a pipe or file has the line ends that the program wrote.
  TerminalProxy(UniqueFd master, int in, int out);

  // Takes over our terminal's size (SIGWINCH).
  void resize() const;
  // For a poll loop of the caller: what to wait for, and what to do when any of it is ready.
  std::vector<pollfd> interest() const;
  void move(const std::vector<pollfd>& ready);
  // The container has ended: delivers what it still wrote.
  void finish() { output_.drain(); }

 private:
  UniqueFd master_;
  int in_;
  RawMode raw_;
  Pump input_;
  Pump output_;
};

}  // namespace crunlite::runtime
