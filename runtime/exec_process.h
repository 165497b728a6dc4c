// SPDX-License-Identifier: Apache-2.0
// Which process `exec` starts: the container's own from config.json, or one of a document (--process), with
// what the command line changes. Pure data in and out; runtime/exec.h carries it out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

struct ExecUser {
  uint32_t uid = 0;
  std::optional<uint32_t> gid;  // absent: the group stays the container's
};

// "UID" or "UID:GID", each a decimal number from 0 to 4294967294 and nothing else: a name, a sign, a space or
// an empty half is an error and never user 0 (CVE-2026-30892). Throws Error(kUsage).
ExecUser parse_exec_user(const std::string& text);
// One such number. Throws Error(kUsage).
uint32_t parse_exec_id(const std::string& text);

// What the command line says; what is empty or absent changes nothing.
struct ExecChanges {
  std::vector<std::string> args;
  std::string cwd;
  std::vector<std::string> env;  // NAME=VALUE, added to the process' own
  std::optional<ExecUser> user;
  std::vector<uint32_t> additional_gids;
  std::vector<std::string> capabilities;  // added
  std::string process_label;              // SELinux
  std::string apparmor;
  std::optional<bool> no_new_privileges;
  bool terminal = false;
};

// `container` is config.json's process; `document` the one that is given instead. What the document leaves
// out and the runtime-spec does not require (capabilities, limits, labels, umask, priorities) is the
// container's, so that an exec never gets more than the container has. A terminal it has only when it asks
// for one.
oci::Process exec_process(const oci::Process& container, const std::optional<oci::Process>& document,
                          const ExecChanges& changes);

}  // namespace crunlite::runtime
