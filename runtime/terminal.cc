// SPDX-License-Identifier: Apache-2.0
#include "runtime/terminal.h"

#include <sys/ioctl.h>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::runtime {
namespace {

// POLLOUT promises room for this much in a pipe (PIPE_BUF), so that a blocking descriptor does not block.
constexpr size_t kChunk = 4096;

// Only of descriptors that are ours alone: the flag belongs to the open file, which 0 and 1 share with the
// shell.
void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags == -1 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
    throw SysError(errno, "set the container's terminal non-blocking");
}

void leave_line_ends(int master) {
  termios now{};
  if (::tcgetattr(master, &now) == -1) return;
  now.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  if (::tcsetattr(master, TCSANOW, &now) == -1) throw SysError(errno, "set up the container's terminal");
}

bool try_again(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

RawMode::RawMode(int terminal, Output output) : terminal_(terminal) {
  termios now{};
  if (::tcgetattr(terminal, &now) == -1) return;
  before_ = now;
  ::cfmakeraw(&now);
  if (output == Output::kProcessed) now.c_oflag |= OPOST;
  if (::tcsetattr(terminal, TCSADRAIN, &now) == -1) throw SysError(errno, "set the terminal to raw mode");
}

RawMode::~RawMode() {
  if (before_) (void)::tcsetattr(terminal_, TCSADRAIN, &*before_);
}

pollfd Pump::interest() const {
  if (!buffer_.empty()) return {to_, POLLOUT, 0};
  return {from_, POLLIN, 0};
}

void Pump::move() {
  if (buffer_.empty()) {
    (void)fill();
  } else {
    (void)deliver();
  }
}

void Pump::drain() {
  // Bounded, because another process may still write to the terminal and never stop.
  constexpr int kMostChunks = 256;
  for (int chunks = 0; chunks < kMostChunks; ++chunks) {
    while (!buffer_.empty() && deliver()) continue;
    if (from_ < 0 || !fill()) return;
  }
}

// False when there is nothing more to be had now.
bool Pump::fill() {
  char chunk[kChunk];
  const sys::Result<size_t> got = sys::read(from_, chunk, sizeof chunk);
  if (!got.ok() && try_again(got.error())) return false;
  if (!got.ok() || *got == 0) {  // EIO: the other end of a terminal is closed
    from_ = -1;
    return false;
  }
  buffer_.assign(chunk, *got);
  return true;
}

bool Pump::deliver() {
  const sys::Result<size_t> put = sys::write(to_, buffer_.data(), std::min(buffer_.size(), kChunk));
  if (put.ok()) {
    buffer_.erase(0, *put);
    return true;
  }
  if (try_again(put.error())) return true;
  // Nobody reads any more: the container's own writes must not block for ever because of that.
  buffer_.clear();
  return false;
}

TerminalProxy::TerminalProxy(UniqueFd master, int in, int out)
    : master_(std::move(master)),
      in_(in),
      raw_(in, RawMode::Output::kProcessed),
      input_(in, master_.get()),
      output_(master_.get(), out) {
  set_nonblocking(master_.get());
  leave_line_ends(master_.get());
  resize();
}

void TerminalProxy::resize() const {
  winsize size{};
  if (::ioctl(in_, TIOCGWINSZ, &size) == 0) (void)::ioctl(master_.get(), TIOCSWINSZ, &size);
}

std::vector<pollfd> TerminalProxy::interest() const {
  return {input_.interest(), output_.interest()};
}

void TerminalProxy::move(const std::vector<pollfd>& ready) {
  if (ready[0].revents) input_.move();
  if (ready[1].revents) output_.move();
}

}  // namespace crunlite::runtime
