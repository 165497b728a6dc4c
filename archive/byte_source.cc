// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_source.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace crunlite::archive {

size_t FileSource::read(std::span<char> buffer) {
  const size_t want = std::min<uint64_t>(buffer.size(), left_);
  if (want == 0) return 0;
  const size_t got = check(sys::pread(fd_, buffer.data(), want, static_cast<off_t>(offset_)), "read ", name_);
  offset_ += got;
  if (left_ != kToEnd) left_ -= got;
  return got;
}

uint64_t FileSource::skip(uint64_t bytes) {
  if (left_ == kToEnd) return 0;  // could leave the file without noticing that it is cut short
  const uint64_t step = std::min(bytes, left_);
  offset_ += step;
  left_ -= step;
  return step;
}

size_t StreamSource::read(std::span<char> buffer) {
  return check(sys::read(fd_, buffer.data(), buffer.size()), "read ", name_);
}

size_t PrefixedSource::read(std::span<char> buffer) {
  if (used_ == prefix_.size()) return rest_->read(buffer);
  const size_t step = std::min(buffer.size(), prefix_.size() - used_);
  std::memcpy(buffer.data(), prefix_.data() + used_, step);
  used_ += step;
  return step;
}

std::string read_all(ByteSource& source, size_t limit, std::string_view name) {
  std::string content;
  for (;;) {
    constexpr size_t kChunk = 64u << 10;
    const size_t have = content.size();
    content.resize(have + kChunk);
    const size_t got = source.read({content.data() + have, kChunk});
    content.resize(have + got);
    if (got == 0) return content;
    if (content.size() > limit) throw Error(ErrorKind::kIntegrity, name, ": larger than ", limit, " bytes");
  }
}

void drain(ByteSource& source) {
  std::vector<char> buffer(64u << 10);
  while (source.read(buffer) != 0) {
  }
}

}  // namespace crunlite::archive
