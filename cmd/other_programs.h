// SPDX-License-Identifier: Apache-2.0
// The programs that belong to this one: crun-lite-image and crun-lite-systemd, in libexec when installed and
// beside us in a build directory. Never looked up in PATH.
#pragma once

#include <string>

namespace crunlite::cmd {

// Set in the environment of the copy that main() runs from (cmd/self_seal.h): the path of the original, which
// /proc/self/exe no longer tells.
inline constexpr std::string_view kSealedVariable = "CRUNLITE_SEALED";

// What the kernel says is running: in the copy, the copy. Throws SysError.
std::string running_path();
// The path of this program's file, also in the copy. Throws SysError.
std::string own_path();

// The first place where `name` is; throws Error(kUnsupported) that says where it was looked for.
std::string find_own_program(const std::string& name);

}  // namespace crunlite::cmd
