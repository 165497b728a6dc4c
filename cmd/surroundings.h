// SPDX-License-Identifier: Apache-2.0
// The world as cmd/dispatch.h asks for it: looks up bundles, images and containers, and makes nothing.
#pragma once

#include "cmd/dispatch.h"

namespace crunlite::cmd {

// What is wrong with the store or with config.yaml counts as "not there": whoever needs them says so, and OCI
// callers do not depend on them.
Surroundings surroundings_of(const Globals& globals);

}  // namespace crunlite::cmd
