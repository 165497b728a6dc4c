// SPDX-License-Identifier: Apache-2.0
// What a container is doing, computed from its record, its init process and its start gate every time it is
// asked: nothing stored can be a lie that a crash left behind.
#pragma once

#include <optional>

#include "oci/state.h"
#include "runtime/record.h"
#include "runtime/state_dir.h"

namespace crunlite::runtime {

struct Situation {
  oci::Status status = oci::Status::kStopped;
  std::optional<UniqueFd> init;  // a pidfd while created or running
};
Situation situation_of(const StateDir& dir, const Record& record, const Proc& proc);

// The state document for hooks: the specification's members and no more. `pid` 0: there is none.
oci::State hook_state(const Record& record, oci::Status status, pid_t pid);
// What `state` prints: that, and runc's members.
oci::State full_state(const Record& record, const Situation& situation);

// The procfs through which commands look at processes, one for the whole command: each private instance that
// is closed makes the kernel wait for an RCU grace period (0.07 ms on an idle machine, milliseconds on a busy
// one). Throws SysError.
const Proc& open_proc();

}  // namespace crunlite::runtime
