// SPDX-License-Identifier: Apache-2.0
// Values written down as GVariant text, as the annotations org.systemd.property.NAME hold them: true, 42,
// uint64 5000000, 'text', ['a.service', 'b.service'], ('a', 1), @as []. Maps, maybe types and nested variants
// are not read: no unit property of a scope needs them.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace crunlite::runtime {

struct GVariant {
  std::string signature;  // of D-Bus: "t", "as", "(si)"
  json::Value value;
};

// Throws Error(kConfig) that says where and why it stops.
GVariant parse_gvariant(std::string_view text);

}  // namespace crunlite::runtime
