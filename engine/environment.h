// SPDX-License-Identifier: Apache-2.0
// A container's environment variables: how -e and --env-file are written and what wins over what. The
// caller's own variables get in only where the user typed their name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/options.h"

namespace crunlite::engine {

// getenv(3), or a stand-in for tests: nullptr when the caller has no such variable.
using LookUpVariable = std::function<const char*(const std::string&)>;

// "K=V", or "K" alone for the caller's value; nothing when the caller has none. Throws Error(kUsage).
std::optional<EnvEntry> parse_env(std::string_view text, const LookUpVariable& look_up);

// One of the above per line; blank lines and lines that start with '#' are skipped, quotes mean nothing.
// Throws Error(kUsage) with FILE:LINE.
std::vector<EnvEntry> parse_env_file(std::string_view content, const std::string& name,
                                     const LookUpVariable& look_up);

// "K=V" strings: a later value takes the place of an earlier one of the same name.
class Environment {
 public:
  void set(std::string_view name, std::string_view value);
  void set_default(std::string_view name, std::string_view value);
  // An entry of an image. Throws Error(kConfig) when it has no '=': "PATH" alone must not fetch the host's
  // value (CVE-2020-14370).
  void set_from_image(std::string_view entry);
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::string* find(std::string_view name);
  std::vector<std::string> entries_;
};

}  // namespace crunlite::engine
