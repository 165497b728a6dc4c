// SPDX-License-Identifier: Apache-2.0
// A failure that the child has reported, as the exception that it would have been in the parent.
#pragma once

#include "runtime/init/message.h"

namespace crunlite::runtime {

// Error(kCommandNotFound), Error(kCommandNotExecutable) or SysError with the child's own words.
[[noreturn]] void throw_failure(const Frame& frame);

// On the connection on which the child was told to start: returns when it has executed its program (the
// connection is closed by execve), throws what it reports instead.
void wait_for_execution(int connection);

}  // namespace crunlite::runtime
