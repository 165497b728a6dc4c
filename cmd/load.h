// SPDX-License-Identifier: Apache-2.0
// `load [-i FILE] [-q]`: images from an archive or an OCI layout into the store.
#pragma once

#include <string>
#include <vector>

namespace crunlite::cmd {

// `args` are what follows the verb. Gives the exit code; throws Error.
int load(const std::string& store_root, const std::vector<std::string>& args);

}  // namespace crunlite::cmd
