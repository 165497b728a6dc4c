// SPDX-License-Identifier: Apache-2.0
// What the runtime keeps about a container between its commands: everything that a later command needs,
// because callers give flags only to `create` and may edit config.json afterwards. First written before
// anything of the container exists (the cgroups it names are then made), so that cleaning up needs nothing
// but the record. Not the state document that `state` prints (oci/state.h).
#pragma once

#include <string_view>

#include "oci/spec.h"
#include "oci/state.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/process_id.h"
#include "runtime/rdt.h"

namespace crunlite::runtime {

struct Record {
  // "running" and "stopped" are never stored: they are computed from the gate and from `init`.
  enum class Phase {
    kCreating,  // journalled; some of it may exist
    kCreated,   // the init exists; whether it was started is for the start gate to say
  };

  Phase phase = Phase::kCreating;
  std::string id;
  std::string oci_version;
  std::string bundle;   // absolute
  std::string rootfs;   // absolute
  std::string created;  // RFC 3339, UTC, nanoseconds
  std::map<std::string, std::string> annotations;
  CgroupPlan cgroup;
  RdtPlan rdt;
  ProcessId init;  // pid 0 while creating
  bool no_new_keyring = false;
  uint64_t root_mount = 0;  // in the caller's mount namespace (rootfs/attached_root.h); 0: it has its own
  // What its 0, 1 and 2 were, as proc(5) shows them ("pipe:[4711]"); empty: a terminal. After a checkpoint
  // they are to be given other ones.
  std::vector<std::string> stdio;
  // The hooks of config.json that run after create.
  std::vector<oci::Hook> poststart;
  std::vector<oci::Hook> poststop;
};

std::string encode_record(const Record& record);
// Throws Error(kConfig) that says what is wrong with it: damaged, truncated, or of another version.
Record decode_record(std::string_view text, std::string_view name);

}  // namespace crunlite::runtime
