// SPDX-License-Identifier: Apache-2.0
// Standard output: what a verb answers, and nothing else (errors and warnings go through base/log.h).
#pragma once

#include <string_view>

#include "base/json.h"

namespace crunlite::cmd {

// Throws SysError when it cannot be written: a full disk must not look like success.
void print(std::string_view text);

// With a newline at the end.
void print_json(const json::Value& document);

}  // namespace crunlite::cmd
