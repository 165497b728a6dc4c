// SPDX-License-Identifier: Apache-2.0
// Puts the calling process under the program of InitPlan::seccomp. The child's code; compiling it was the
// parent's (runtime/seccomp.h).
#pragma once

#include "runtime/init/init.h"

namespace crunlite::runtime {

// Nothing to do without instructions. Needs no_new_privs or CAP_SYS_ADMIN (seccomp(2)).
sys::Status load_filter(const SeccompProgram& seccomp);

}  // namespace crunlite::runtime
