// SPDX-License-Identifier: Apache-2.0
// config.yaml as the verbs of images see it. The OCI verbs do what their flags and config.json say, and do
// not read it, except to know whether a word names a container of an image (cmd/surroundings.h).
#pragma once

#include "engine/config.h"

namespace crunlite::cmd {

// From the files that the environment names. Throws Error(kConfig), which says FILE:LINE:COLUMN.
engine::Config configuration();

}  // namespace crunlite::cmd
