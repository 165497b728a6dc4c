// SPDX-License-Identifier: Apache-2.0
// A copy of the running program that no container can open for writing: what enters a container must run from
// it, or the container can replace the host's binary through /proc/PID/exe (CVE-2019-5736; entrypoint
// /proc/self/exe, or a script that begins with #!/proc/self/exe).
#pragma once

#include <optional>

#include "base/unique_fd.h"

namespace crunlite::cmd {

// What to execute instead of ourselves; nothing when we run from an unwritable object already.
std::optional<UniqueFd> unwritable_self();

}  // namespace crunlite::cmd
