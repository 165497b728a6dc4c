// SPDX-License-Identifier: Apache-2.0
#include "archive/bounded_pipe.h"

#include <algorithm>
#include <cstring>

namespace crunlite::archive {

std::span<char> BoundedPipe::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return abandoned_ || filled_ < kBuffers; });
  if (abandoned_) return {};
  return buffers_[(head_ + filled_) % kBuffers];
}

void BoundedPipe::push(size_t size) {
  const std::lock_guard lock(mutex_);
  sizes_[(head_ + filled_) % kBuffers] = size;
  ++filled_;
  changed_.notify_one();
}

void BoundedPipe::finish(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  error_ = std::move(error);
  changed_.notify_one();
}

size_t BoundedPipe::read(std::span<char> buffer) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return filled_ > 0 || finished_; });
  if (filled_ == 0) {
    if (error_) std::rethrow_exception(error_);
    return 0;
  }
  // The writer never touches a filled buffer, so copying needs no lock.
  lock.unlock();
  const size_t step = std::min(buffer.size(), sizes_[head_] - used_);
  std::memcpy(buffer.data(), buffers_[head_].data() + used_, step);
  used_ += step;
  if (used_ < sizes_[head_]) return step;
  lock.lock();
  used_ = 0;
  head_ = (head_ + 1) % kBuffers;
  --filled_;
  changed_.notify_one();
  return step;
}

void BoundedPipe::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_one();
}

}  // namespace crunlite::archive
