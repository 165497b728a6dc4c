// SPDX-License-Identifier: Apache-2.0
// Where a created container waits for `start`, which is a later process: a listening unix socket in the state
// directory. The init holds the listening end and blocks in accept(2); whoever connects and says so starts
// it, and learns on the same connection whether execve succeeded (the connection closes) or why it did not.
// It outlives the creator, needs no polling, and dies with the init: a refused connection means "not
// waiting".
#pragma once

#include "base/unique_fd.h"

namespace crunlite::runtime {

inline constexpr char kStartGateName[] = "start.sock";

class StartGate {
 public:
  // In create: binds dir/start.sock (mode 0600) and gives the listening end for InitPlan::gate.
  // Throws SysError.
  static UniqueFd create(int state_dir);

  // Is an init waiting behind it? The difference between "created" and "running". False when there is no such
  // file or nobody listens any more. Throws SysError for other failures.
  static bool waiting(int state_dir);

  // In start: opens the gate, blocks until the program runs, removes the file. Throws what the child reports
  // (Error(kCommandNotFound), …), or Error(kState) when nobody waits.
  static void open(int state_dir);
};

}  // namespace crunlite::runtime
