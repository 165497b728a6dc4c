// SPDX-License-Identifier: Apache-2.0
// Hands bytes from one thread to another through a fixed number of buffers. Whichever end fails or leaves
// ends the other: the reader gets the writer's exception, the writer is told that nobody reads any more.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <vector>

#include "archive/byte_source.h"

namespace crunlite::archive {

class BoundedPipe final : public ByteSource {
 public:
  static constexpr size_t kBufferSize = 256u << 10;
  static constexpr size_t kBuffers = 8;

  BoundedPipe() : buffers_(kBuffers, std::vector<char>(kBufferSize)), sizes_(kBuffers) {}

  // --- the writing thread ---
  // A free buffer to fill, or nothing when the reader has gone.
  std::span<char> wait_for_room();
  // Passes on the first `size` bytes of that buffer.
  void push(size_t size);
  // No more bytes; with an exception, the reader gets that after the last byte.
  void finish(std::exception_ptr error = nullptr);

  // --- the reading thread ---
  size_t read(std::span<char> buffer) override;
  void abandon();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<char>> buffers_;
  std::vector<size_t> sizes_;
  size_t head_ = 0;    // the next buffer to read
  size_t filled_ = 0;  // how many hold bytes
  size_t used_ = 0;    // of the buffer at head_
  bool finished_ = false;
  bool abandoned_ = false;
  std::exception_ptr error_;
};

}  // namespace crunlite::archive
