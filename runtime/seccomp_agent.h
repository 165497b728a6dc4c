// SPDX-License-Identifier: Apache-2.0
// The filter that a process of a container gets, and the agent that answers for the calls it notifies of
// (config-linux.md, Seccomp: listenerPath): found and connected before the process exists. Both for the
// container's init and for what `exec` puts beside it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "oci/annotations.h"
#include "oci/spec.h"
#include "oci/state.h"
#include "runtime/seccomp.h"

namespace crunlite::runtime {

class SeccompAgent {
 public:
  // Throws SysError: "failed to connect with seccomp agent …".
  SeccompAgent(const std::string& path, std::string metadata);

  // Sends the container process state and the listener, and closes the connection (one state for each).
  // `pid` is the process's; `state` the container's.
  void hand_over(const oci::State& state, pid_t pid, UniqueFd listener);

 private:
  UniqueFd socket_;
  std::string metadata_;
};

struct ProcessSeccomp {
  SeccompProgram program;            // no instructions: none
  bool sendmsg_is_notified = false;  // see InitPlan
  std::optional<SeccompAgent> agent;
};

// linux.seccomp with the annotations that change it (run.oci.seccomp.receiver, …bpf_data,
// …fail_unknown_syscall). Throws Error(kConfig) when a call is to be notified and nobody is named who is to
// hear of it.
ProcessSeccomp seccomp_for(const std::optional<oci::Seccomp>& profile, const oci::Annotations& annotations,
                           const std::string& cache_dir);

}  // namespace crunlite::runtime
