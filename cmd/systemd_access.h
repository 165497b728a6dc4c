// SPDX-License-Identifier: Apache-2.0
// Which systemd manager our caller means, and at which addresses it listens: what the environment says about
// it.
#pragma once

#include "runtime/cgroup/systemd_unit.h"

namespace crunlite::cmd {

// `user`: the caller's own manager instead of the machine's. Throws Error(kUnsupported) when
// crun-lite-systemd is not installed.
runtime::SystemdAccess systemd_access(bool user);

}  // namespace crunlite::cmd
