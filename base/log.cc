// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "base/sys.h"

namespace crunlite::log {
namespace {

struct Sink {
  Config config;
  UniqueFd file;
};

// The one process-wide sink: set once by main, read by everybody.
Sink& sink() {
  static Sink instance;
  return instance;
}

std::string timestamp() {
  const time_t now = ::time(nullptr);
  struct tm utc {};
  ::gmtime_r(&now, &utc);
  char text[sizeof "2026-11-23T03:15:29Z"];
  ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kError:
      return "error";
    case Level::kWarning:
      return "warning";
    case Level::kDebug:
      return "debug";
  }
  return "error";
}

std::string record(Level level, std::string_view message) {
  if (sink().config.format == Format::kJson) {
    return json::dump(json::Object{{"level", name_of(level)}, {"msg", message}, {"time", timestamp()}}) +
           "\n";
  }
  return cat("time=", quote(timestamp()), " level=", name_of(level), " msg=", quote(message), "\n");
}

// Logging must never be the reason why a command fails: a full disk or closed descriptor is ignored.
void write_quietly(int fd, const std::string& text) {
  (void)sys::write_all(fd, text);
}

// A config.json may hold a name of megabytes, and the message that says it is wrong goes through the pipes
// and logs of our callers.
std::string shortened(std::string_view message) {
  constexpr size_t kMost = 8192;
  if (message.size() <= kMost) return std::string(message);
  return cat(valid_utf8(message.substr(0, kMost)), "... (", message.size() - kMost, " bytes more)");
}

void emit(Level level, std::string_view whole) {
  if (level > sink().config.level) return;
  const std::string message = shortened(whole);
  if (sink().file.valid()) write_quietly(sink().file.get(), record(level, message));
  const bool on_stderr = level == Level::kError || !sink().file.valid();
  if (!on_stderr) return;
  // What --debug asked for is told from everything else by its form, which is runc's.
  const bool as_record = level == Level::kDebug;
  write_quietly(STDERR_FILENO, as_record ? record(level, message) : cat(printable(message), "\n"));
}

}  // namespace

void configure(const Config& config) {
  sink().config = config;
  sink().file.reset();
  if (config.path.empty()) return;
  sink().file = check(sys::open_at(AT_FDCWD, config.path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600),
                      "open log file ", config.path);
}

void error(std::string_view message) {
  emit(Level::kError, message);
}
void warning(std::string_view message) {
  emit(Level::kWarning, message);
}
void debug(std::string_view message) {
  emit(Level::kDebug, message);
}

}  // namespace crunlite::log
