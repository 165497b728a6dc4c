// SPDX-License-Identifier: Apache-2.0
// The command line before its verb is known: global flags, the verb, the rest. The global flags are runc's,
// because callers put them there; what each verb makes of its own flags is in its own file.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "runtime/cgroup/cgroup.h"

namespace crunlite::cmd {

using Args = std::vector<std::string>;

struct Globals {
  std::string root;         // absolute; where the records of containers are
  bool root_given = false;  // by --root
  log::Config log;
  runtime::CgroupManager cgroup_manager = runtime::CgroupManager::kCgroupfs;
  // The caller has no privileges over the machine: by --rootless, or because of who he is.
  bool rootless = false;
  unsigned inherited_fds = 0;  // how many of 3, 4, … our caller had opened for us
  // Some flag that only an OCI caller gives: decides what the verb means (cmd/dispatch.h).
  bool oci_flag_given = false;
};

struct CommandLine {
  Globals globals;
  std::string verb;  // empty: only global flags
  Args args;         // after the verb
  bool help = false;
  bool version = false;
  bool said_oci = false;  // `crun-lite oci VERB`
};

// Throws Error(kUsage).
CommandLine read_command_line(const Args& args);

// The global flags' help.
std::string global_help();

}  // namespace crunlite::cmd
