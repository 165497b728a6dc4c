// SPDX-License-Identifier: Apache-2.0
// `run` for images: `crun-lite run -p 5000:5000 python-docker`. Its exit codes are docker's: the container's
// own, 128 + n for a signal, 125 when it could not be started, 126 and 127 when its command could not.
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cmd/configuration.h"
#include "cmd/output.h"
#include "cmd/run_flags.h"
#include "cmd/verbs.h"
#include "engine/launch.h"
#include "image/store.h"

namespace crunlite::cmd {
namespace {

constexpr int kEngineFailed = 125;
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kCommandNotFound:
      return kNotFound;
    case ErrorKind::kCommandNotExecutable:
      return kCannotExecute;
    default:
      return kEngineFailed;
  }
}

// To the user, beside the container's own output. Who cannot be told is not told.
void say(std::string_view line) {
  (void)sys::write_all(STDERR_FILENO, cat("crun-lite: ", line, "\n"));
}

void report(const Error& error) {
  log_error("crun-lite run: ", error);
  if (const std::string remedy = remedy_of(error); !remedy.empty()) say(remedy);
  if (error.kind() == ErrorKind::kUsage) say("Run 'crun-lite run --help' for more information");
}

}  // namespace

bool image_exists(const std::string& name) {
  try {
    const engine::Config config = configuration();
    return image::Store::open(config.storage_root).find(name).has_value();
  } catch (const Error&) {
    return false;  // what is no reference is no image; what else is wrong is said when it is needed
  }
}

int run_image(const Args& args) {
  try {
    const engine::Config config = configuration();
    const std::optional<engine::RunOptions> options = parse_run(args, config.run);
    if (!options) return 0;
    return engine::launch(config, *options, say);
  } catch (const Error& error) {
    report(error);
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    log::error(cat("crun-lite run: internal error: ", error.what()));
    return kEngineFailed;
  }
}

}  // namespace crunlite::cmd
