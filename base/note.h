// SPDX-License-Identifier: Apache-2.0
// Text in a buffer of fixed size: what a step of the child was working on, or a path that it puts together.
// Never allocates; what does not fit is cut off and remembered. Usable in the child.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace crunlite {

template <size_t N>
class FixedText {
 public:
  template <class... Parts>
  FixedText& set(const Parts&... parts) {
    clear();
    return add(parts...);
  }
  template <class... Parts>
  FixedText& add(const Parts&... parts) {
    (add_one(parts), ...);
    return *this;
  }
  void clear() {
    size_ = 0;
    text_[0] = 0;
    truncated_ = false;
  }
  const char* c_str() const { return text_; }
  std::string_view view() const { return {text_, size_}; }
  bool empty() const { return size_ == 0; }
  bool truncated() const { return truncated_; }

 private:
  void add_one(std::string_view part) {
    const size_t room = N - 1 - size_;
    if (part.size() > room) truncated_ = true;
    const size_t length = part.size() < room ? part.size() : room;
    if (length) std::memcpy(text_ + size_, part.data(), length);  // an empty view may have no data
    size_ += length;
    text_[size_] = 0;
  }
  void add_one(unsigned long number) {
    char digits[24];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number);
    add_one(std::string_view(digits + at, sizeof digits - at));
  }

  char text_[N] = {};
  size_t size_ = 0;
  bool truncated_ = false;
};

// What a failed step was working on: "proc on /proc".
using Note = FixedText<1024>;
using PathText = FixedText<4096>;

}  // namespace crunlite
