// SPDX-License-Identifier: Apache-2.0
// Where the program criu is: the only thing that `checkpoint`, `restore` and `features` take from our
// caller's environment. Starting it is runtime/criu.h's.
#pragma once

#include <string>
#include <string_view>

#include "runtime/criu.h"

namespace crunlite::cmd {

// The first executable of that name in the directories of `path`; relative ones, which depend on where we
// happen to be, do not count. Empty: there is none.
std::string find_in_path(std::string_view path, std::string_view name);

// With PATH of our environment, as runc looks for it; a usual one when there is none. Its path is empty when
// it is not installed: runtime::require_criu() says so, once it is known that it is needed.
runtime::CriuProgram find_criu();

}  // namespace crunlite::cmd
