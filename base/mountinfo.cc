// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.h"

#include <algorithm>

#include "base/text.h"

namespace crunlite {

std::string unescape_mountinfo(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      out.push_back(
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

namespace {

// "36 35 98:0 /root /mount/point rw,noatime shared:1 - proc proc rw"
std::string_view type_of(std::string_view line) {
  const size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return {};
  return line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
}

}  // namespace

std::vector<std::string> mount_points_of(std::string_view mountinfo,
                                         const std::vector<std::string_view>& types) {
  std::vector<std::string> found;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const std::string_view type = type_of(line);
    const std::vector<std::string_view> head = split(line.substr(0, line.find(" - ")), ' ');
    if (head.size() >= 5 && std::ranges::find(types, type) != types.end())
      found.push_back(unescape_mountinfo(head[4]));
  }
  std::ranges::reverse(found);
  return found;
}

std::string filesystem_of_mount(std::string_view mountinfo, uint64_t mount_id) {
  for (const std::string_view line : split(mountinfo, '\n'))
    if (parse_number<uint64_t>(line.substr(0, line.find(' '))) == mount_id) return std::string(type_of(line));
  return "";
}

}  // namespace crunlite
