// SPDX-License-Identifier: Apache-2.0
// Which crun-lite this is. The commit is filled in by meson at every build, in a file of its own, so that
// nothing else is compiled again.
#pragma once

#include <string_view>

namespace crunlite::cmd {

inline constexpr std::string_view kVersion = CRUNLITE_VERSION;
// "unknown" when it was not built from a git tree.
std::string_view commit();

}  // namespace crunlite::cmd
