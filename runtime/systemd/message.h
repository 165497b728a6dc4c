// SPDX-License-Identifier: Apache-2.0
// Values of unit properties put into D-Bus messages. Linked by crun-lite-systemd alone.
#pragma once

#include <systemd/sd-bus.h>

#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {

// Appends them as a(sv), which StartTransientUnit and SetUnitProperties take. Throws Error(kConfig) when a
// value does not fit its signature.
void append_properties(sd_bus_message* message, const std::vector<UnitProperty>& properties);

}  // namespace crunlite::runtime
