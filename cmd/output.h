// SPDX-License-Identifier: Apache-2.0
// Standard output: what a verb answers. And the one way from an error to base/log.h.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace crunlite::cmd {

// Throws SysError when it cannot be written: a full disk must not look like success.
void print(std::string_view text);

// To the log. Several problems of one document stand in one error, a line each, and are logged as such.
void log_error(std::string_view prefix, const Error& error, std::string_view suffix = {});

// What the error says can be done about it; where it does not say and that is it: become root.
std::string remedy_of(const Error& error);

// With a newline at the end.
void print_json(const json::Value& document, json::Style style = json::Style::kIndented);

}  // namespace crunlite::cmd
