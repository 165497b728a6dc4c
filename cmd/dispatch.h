// SPDX-License-Identifier: Apache-2.0
// Which of its two meanings `run` has: the OCI runtime's (run --bundle DIR ID) or docker's (run IMAGE). Pure:
// what has to be looked up comes in as functions, so that every row of the rule has a test.
#pragma once

#include <functional>
#include <string_view>

#include "cmd/command_line.h"

namespace crunlite::cmd {

enum class Door {
  kOci,
  kImage,
};

// Facts about the world; asked only when the command line alone does not decide.
struct Surroundings {
  std::function<bool()> bundle_here;  // ./config.json exists and says ociVersion
  std::function<bool(const std::string& name)> image_exists;
};

// The rule, first match wins:
//   1. a global flag of OCI callers (--root, --log, …): OCI
//   2. the first flag that only OCI's `run` has (--bundle, --keep, …): OCI
//   3. a flag that OCI's `run` does not have: image
//   4. exactly one positional, a bundle in the current directory and no image of that name: OCI
//   5. image
Door door_of_run(const Globals& globals, const Args& args, const Surroundings& surroundings);

// What the name we were called by says: runc and crun are OCI runtimes, docker is not.
enum class CalledAs { kEither, kOci, kImage };
CalledAs called_as(std::string_view argv0);

}  // namespace crunlite::cmd
