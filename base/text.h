// SPDX-License-Identifier: Apache-2.0
// Small helpers for text: joining parts into messages, splitting, strict numbers, and showing strings that an
// image or a registry chose. Not a formatting library.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace crunlite {

inline void append(std::string& out, std::string_view part) {
  out.append(part);
}
inline void append(std::string& out, char part) {
  out.push_back(part);
}
template <std::integral Number>
requires(!std::same_as<Number, char> && !std::same_as<Number, bool>) void append(std::string& out,
                                                                                 Number part) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, part);
  out.append(digits, end.ptr);
}

// One string from strings, characters and integers.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

// The kernel's text for an errno: "No such file or directory". Not localised.
std::string_view error_text(int error);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string to_lower(std::string_view text);

// A whole decimal number and nothing else: no sign unless Number is signed, no white space, no overflow.
template <std::integral Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// `text` in double quotes as Go's %q shows it: control characters, quotes and invalid UTF-8 are escaped, so
// that a name chosen by an image cannot steer the user's terminal.
std::string quote(std::string_view text);
// The same escapes without the quotes.
std::string printable(std::string_view text);

// `text` with what is not UTF-8 (RFC 3629) replaced by U+FFFD, byte by byte.
std::string valid_utf8(std::string_view text);

// RFC 4648, section 4, with its padding; white space around it is fine. Nothing when it is something else.
std::optional<std::string> decode_base64(std::string_view text);

// The candidates nearest to `wanted` by edit distance, nearest first; for "did you mean".
std::vector<std::string> nearest(std::string_view wanted, const std::vector<std::string>& candidates,
                                 size_t most);

}  // namespace crunlite
