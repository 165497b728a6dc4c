// SPDX-License-Identifier: Apache-2.0
// One operation on a systemd manager over D-Bus. Linked by crun-lite-systemd alone; knows nothing of
// containers.
#pragma once

#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {

// Every failure ends in the reply.
UnitReply carry_out(const UnitRequest& request);

}  // namespace crunlite::runtime
