// SPDX-License-Identifier: Apache-2.0
// The state of a container as runtime.md defines it: what `state` prints and what hooks read from their
// standard input. Not what the runtime keeps on disk (runtime/record.h).
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "base/json.h"

namespace crunlite::oci {

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view name_of(Status status);

struct State {
  std::string oci_version;
  std::string id;
  Status status = Status::kCreating;
  pid_t pid = 0;  // 0: there is no process
  std::string bundle;
  std::map<std::string, std::string> annotations;
  // Beyond the specification, as runc prints them; left out when empty.
  std::string rootfs;
  std::string created;        // RFC 3339, UTC, nanoseconds
  std::string systemd_scope;  // as crun prints it
  std::string owner;
};

// Members in the order that runc prints: ociVersion, id, pid, status, bundle, rootfs, created, annotations,
// owner; crun's systemd-scope before the last.
json::Object encode_state(const State& state);

}  // namespace crunlite::oci
