// SPDX-License-Identifier: Apache-2.0
#include "cmd/configuration.h"

#include <cstdlib>

namespace crunlite::cmd {

engine::Config configuration() {
  return engine::load_config(
      engine::config_files([](const std::string& name) { return ::secure_getenv(name.c_str()); }));
}

}  // namespace crunlite::cmd
