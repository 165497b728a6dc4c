// SPDX-License-Identifier: Apache-2.0
// The one owner of a file descriptor. Nothing else in the tree calls close(2) (tests/lint/forbidden_calls).
// Usable in the child: no allocation, no exceptions.
#pragma once

#include <unistd.h>

#include <utility>

namespace crunlite {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives up ownership: for a descriptor that execve, a message or another owner takes over.
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    // close(2) releases the number even when it reports EINTR or EIO, so there is nothing to retry.
    if (fd_ >= 0 && fd_ != fd) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace crunlite
