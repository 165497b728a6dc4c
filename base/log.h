// SPDX-License-Identifier: Apache-2.0
// Diagnostics. Callers parse the log file (containerd takes the last JSON object whose level is "error",
// podman reads the whole file as one object), so a failing command writes exactly one error and nothing else
// unless
// --debug asked for it. Standard output is never used.
#pragma once

#include <string>
#include <string_view>

namespace crunlite::log {

enum class Level { kError, kWarning, kDebug };
enum class Format { kText, kJson };

struct Config {
  std::string path;  // empty: standard error only
  Format format = Format::kText;
  Level level = Level::kError;
};

// Called once, by cmd/main, before anything else logs. Throws when the file cannot be opened.
void configure(const Config& config);

void error(std::string_view message);    // to the log file; to standard error as well
void warning(std::string_view message);  // at Level::kWarning and above
void debug(std::string_view message);    // at Level::kDebug

}  // namespace crunlite::log
