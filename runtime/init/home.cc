// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/home.h"

namespace crunlite::runtime {
namespace {

using sys::Result;

constexpr off_t kMostBytes = 1 << 20;

// passwd(5): name:password:uid:gid:gecos:home:shell
constexpr int kUidField = 2;
constexpr int kHomeField = 5;

std::string_view field(std::string_view line, int index) {
  for (; index > 0; --index) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    line.remove_prefix(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

bool take_home(std::string_view line, std::string_view uid, PathText& home) {
  if (field(line, kUidField) != uid) return false;
  const std::string_view path = field(line, kHomeField);
  return path.starts_with('/') && !home.set("HOME=", path).truncated();
}

// Lines longer than the buffer are nobody's.
bool scan(int file, std::string_view uid, PathText& home) {
  char buffer[8192];
  size_t filled = 0;
  bool overlong = false;
  for (;;) {
    Result<size_t> got = sys::read(file, buffer + filled, sizeof buffer - filled);
    if (!got.ok() || *got == 0) return got.ok() && !overlong && take_home({buffer, filled}, uid, home);
    filled += *got;
    std::string_view text(buffer, filled);
    for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
      if (!overlong && take_home(text.substr(0, end), uid, home)) return true;
      overlong = false;
    }
    filled = text.size();
    if (filled == sizeof buffer) {
      overlong = true;
      filled = 0;
    } else {
      std::memmove(buffer, text.data(), filled);
    }
  }
}

}  // namespace

void find_home(const RootedDir& root, uid_t uid, PathText& home) {
  home.set("HOME=/");
  // O_NONBLOCK: a fifo of that name must not hold us up.
  Result<UniqueFd> file = root.open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok()) return;
  Result<struct stat> st = sys::fstat(file->get());
  if (!st.ok() || !S_ISREG(st->st_mode) || st->st_size > kMostBytes) return;
  FixedText<24> number;
  number.add(static_cast<unsigned long>(uid));
  if (!scan(file->get(), number.view(), home)) home.set("HOME=/");
}

}  // namespace crunlite::runtime
