// SPDX-License-Identifier: Apache-2.0
#include "cmd/dispatch.h"

namespace crunlite::cmd {
namespace {

// The flags of the OCI `run` (cmd/oci_run.cc). docker has -d too.
struct Flag {
  std::string_view name;
  bool takes_value;
  bool only_oci = true;
};
constexpr Flag kRunFlags[] = {
    {"--bundle", true},          {"-b", true},
    {"--config", true},          {"-f", true},
    {"--console-socket", true},  {"--pidfd-socket", true},
    {"--pid-file", true},        {"--no-pivot", false},
    {"--no-new-keyring", false}, {"--preserve-fds", true},
    {"--keep", false},           {"--no-subreaper", false},
    {"--detach", false, false},  {"-d", false, false},
    {"--help", false, false},    {"-h", false, false},
};

const Flag* find_flag(std::string_view name) {
  for (const Flag& flag : kRunFlags)
    if (flag.name == name) return &flag;
  return nullptr;
}

struct Scan {
  bool unknown_flag = false;  // the scan ends there: we cannot know whether it takes a value
  bool oci_flag = false;
  Args positionals;
};

Scan scan(const Args& args) {
  Scan out;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    // What follows the image's name is the container's command, whatever it looks like.
    if (!arg.starts_with('-') || arg == "-" || !out.positionals.empty()) {
      out.positionals.emplace_back(arg);
      continue;
    }
    const size_t equals = arg.find('=');
    const Flag* flag = find_flag(arg.substr(0, equals));
    if (!flag) {
      out.unknown_flag = true;
      return out;
    }
    out.oci_flag |= flag->only_oci;
    if (flag->takes_value && equals == std::string_view::npos) ++i;
  }
  return out;
}

}  // namespace

Door door_of_run(const Globals& globals, const Args& args, const Surroundings& surroundings) {
  if (globals.oci_flag_given) return Door::kOci;
  const Scan found = scan(args);
  if (found.oci_flag) return Door::kOci;
  if (found.unknown_flag) return Door::kImage;
  const bool one_name = found.positionals.size() == 1;
  if (one_name && surroundings.bundle_here() && !surroundings.image_exists(found.positionals[0]))
    return Door::kOci;
  return Door::kImage;
}

CalledAs called_as(std::string_view argv0) {
  const std::string_view name = argv0.substr(argv0.rfind('/') + 1);
  if (name == "runc" || name == "crun") return CalledAs::kOci;
  if (name == "docker" || name == "podman") return CalledAs::kImage;
  return CalledAs::kEither;
}

}  // namespace crunlite::cmd
