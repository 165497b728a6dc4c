// SPDX-License-Identifier: Apache-2.0
// `exec`: a further process in a running container, with the confinement that the container's own process
// has. It takes create's path (plan, init, conversation) with another plan: namespaces are joined instead of
// made, and there is no root to build.
#pragma once

#include <string>
#include <vector>

#include "runtime/exec_process.h"
#include "runtime/runtime.h"

namespace crunlite::runtime {

struct ExecOptions {
  Ref container;
  std::string process_file;  // process.json; empty: the container's process
  ExecChanges changes;
  bool detach = false;
  bool ignore_paused = false;     // then it waits until the container goes on
  bool subreaper = true;          // its orphans become ours while we wait
  std::vector<SubCgroup> cgroup;  // empty: the container's
  std::string console_socket;
  std::string pidfd_socket;
  std::string pid_file;
  unsigned preserve_fds = 0;  // as in CreateOptions
  unsigned listen_fds = 0;
};

// Gives the exit code: the process's, 128 + n for a signal, or 0 when detached: then it runs, and its pid
// file is written. In the foreground it forwards signals and terminal, and the process ends with us.
int exec(const ExecOptions& options);

}  // namespace crunlite::runtime
