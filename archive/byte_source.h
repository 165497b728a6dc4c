// SPDX-License-Identifier: Apache-2.0
// Where bytes come from: a file or a range of it, a decompressor, the other end of a pipe. One direction, no
// seeking; whoever needs another position makes another source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/sys.h"

namespace crunlite::archive {

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Fills at most `buffer`; 0 only at the end. Throws Error.
  virtual size_t read(std::span<char> buffer) = 0;
  // Moves on without reading where that is cheaper: gives how far it got, which may be nothing.
  virtual uint64_t skip(uint64_t) { return 0; }
};

// A range of a file that may be read through several sources at once (pread). Does not own the descriptor.
class FileSource final : public ByteSource {
 public:
  static constexpr uint64_t kToEnd = UINT64_MAX;
  FileSource(int fd, std::string name, uint64_t offset = 0, uint64_t size = kToEnd)
      : fd_(fd), name_(std::move(name)), offset_(offset), left_(size) {}
  size_t read(std::span<char> buffer) override;
  uint64_t skip(uint64_t bytes) override;

 private:
  int fd_;
  std::string name_;
  uint64_t offset_;
  uint64_t left_;
};

// As FileSource over a descriptor of its own.
class OwnedFileSource final : public ByteSource {
 public:
  OwnedFileSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), file_(fd_.get(), std::move(name)) {}
  size_t read(std::span<char> buffer) override { return file_.read(buffer); }

 private:
  UniqueFd fd_;
  FileSource file_;
};

// A pipe, socket or terminal: what cannot be read twice.
class StreamSource final : public ByteSource {
 public:
  StreamSource(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  size_t read(std::span<char> buffer) override;

 private:
  int fd_;
  std::string name_;
};

// Another source with some bytes that were already taken from it put back in front.
class PrefixedSource final : public ByteSource {
 public:
  PrefixedSource(std::string prefix, ByteSource& rest) : prefix_(std::move(prefix)), rest_(&rest) {}
  size_t read(std::span<char> buffer) override;

 private:
  std::string prefix_;
  size_t used_ = 0;
  ByteSource* rest_;
};

// The whole source, which must not be larger than `limit`. `name` is for the message.
std::string read_all(ByteSource& source, size_t limit, std::string_view name);
// Reads to the end and throws the bytes away.
void drain(ByteSource& source);

}  // namespace crunlite::archive
