// SPDX-License-Identifier: Apache-2.0
#include "engine/container_stdio.h"

#include <sys/ioctl.h>
#include <termios.h>

#include "base/error.h"

namespace crunlite::engine {
namespace {

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw SysError(errno, "make our end of the container's output non-blocking");
  }
}

}  // namespace

ContainerStdio::ContainerStdio(const RunOptions& options)
    : interactive_(options.interactive), tty_(options.tty) {
  if (tty_ && interactive_ && !is_terminal(STDIN_FILENO)) {
    throw Error(ErrorKind::kUsage, "the input device is not a TTY")
        .with_remedy("Leave -t away: it is for a person at a terminal.");
  }
  if (tty_) {
    console_ = check(sys::socket_pair(SOCK_STREAM), "make a socket for the container's terminal");
    return;
  }
  if (!interactive_) {
    null_ = check(sys::open_at(AT_FDCWD, "/dev/null", O_RDONLY), "open /dev/null");
    container_ends_[0] = null_.get();
  } else {
    share(STDIN_FILENO);
  }
  share(STDOUT_FILENO);
  share(STDERR_FILENO);
}

// Hands `number` to the container as it is, or a pipe when it is our terminal.
void ContainerStdio::share(int number) {
  if (!is_terminal(number)) return;
  sys::PipeEnds pipe = check(sys::pipe(), "make a pipe for the container");
  const bool input = number == STDIN_FILENO;
  theirs_[number] = std::move(input ? pipe.read : pipe.write);
  ours_[number] = std::move(input ? pipe.write : pipe.read);
  // Only our end: a program in the container expects to block.
  set_nonblocking(ours_[number].get());
  container_ends_[number] = theirs_[number].get();
}

void ContainerStdio::add_input(EventLoop& loop, int to) {
  input_.emplace(STDIN_FILENO, to);
  const auto interest = [this] { return input_ ? input_->interest() : pollfd{-1, 0, 0}; };
  loop.add(interest, [this] {
    input_->move();
    if (!input_->ended()) return;
    input_.reset();
    ours_[0].reset();  // Ctrl-D: the container reads to the end of its input
  });
}

void ContainerStdio::add_output(EventLoop& loop, int from, int to) {
  runtime::Pump& pump = outputs_.emplace_back(from, to);
  loop.add([&pump] { return pump.interest(); }, [&pump] { pump.move(); });
}

void ContainerStdio::receive_terminal() {
  console_.second.reset();  // ours is the only copy left: what was not sent is an end, not a wait
  char name[256];
  sys::Received received = check(sys::receive_with_fd(console_.first.get(), name, sizeof name),
                                 "receive the container's terminal");
  if (!received.fd.valid()) throw Error(ErrorKind::kState, "the container sent no terminal");
  master_ = std::move(received.fd);
  set_nonblocking(master_.get());
}

void ContainerStdio::attach(EventLoop& loop) {
  for (UniqueFd& end : theirs_) end.reset();
  null_.reset();
  if (tty_) {
    receive_terminal();
    resize();
    if (interactive_) {
      raw_.emplace(STDIN_FILENO);
      add_input(loop, master_.get());
    }
    add_output(loop, master_.get(), STDOUT_FILENO);
    return;
  }
  if (ours_[0].valid()) add_input(loop, ours_[0].get());
  for (const int number : {STDOUT_FILENO, STDERR_FILENO}) {
    if (ours_[number].valid()) add_output(loop, ours_[number].get(), number);
  }
}

std::optional<oci::ConsoleSize> ContainerStdio::console_size() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
      return oci::ConsoleSize{.height = size.ws_row, .width = size.ws_col};
    }
  }
  return std::nullopt;
}

void ContainerStdio::resize() {
  const std::optional<oci::ConsoleSize> size = console_size();
  if (!master_.valid() || !size) return;
  winsize wanted{};
  wanted.ws_row = size->height;
  wanted.ws_col = size->width;
  (void)::ioctl(master_.get(), TIOCSWINSZ, &wanted);  // EIO: the container has just closed its terminal
}

void ContainerStdio::finish() {
  input_.reset();
  for (runtime::Pump& output : outputs_) output.drain();
  raw_.reset();
}

}  // namespace crunlite::engine
