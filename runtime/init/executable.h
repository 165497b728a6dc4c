// SPDX-License-Identifier: Apache-2.0
// Finds the program in the container and, when execve refuses it, says why in the words that callers look for
// (docker's exit codes 126 and 127 depend on them). The child's code.
#pragma once

#include "runtime/init/init.h"

namespace crunlite::runtime {

// Sets init.executable to the path for execve. A failure sets init.failure and the whole text in init.note.
sys::Status find_executable_in_container(Init& init);

// After execve has failed with `error`: the failure with what can be said about the file.
sys::Status explain_exec_failure(Init& init, int error);

}  // namespace crunlite::runtime
