// SPDX-License-Identifier: Apache-2.0
// The CPUs that a process of `exec` runs on (config.md, process.execCPUAffinity), and those of all others.
// The parent sets them: its own before the clone, so that the process begins there, and the child's once that
// is in its cgroup.
#pragma once

#include <sys/types.h>

#include "runtime/number_list.h"

namespace crunlite::runtime {

// Moves us to these CPUs, and back when it is destroyed. An empty mask changes nothing. Throws SysError.
class AffinityForClone {
 public:
  explicit AffinityForClone(const BitMask& cpus);
  AffinityForClone(const AffinityForClone&) = delete;
  AffinityForClone& operator=(const AffinityForClone&) = delete;
  ~AffinityForClone();

 private:
  BitMask before_;  // empty: nothing was changed
};

// Throws SysError. An empty mask changes nothing.
void set_affinity(pid_t pid, const BitMask& cpus);

// All CPUs that the cgroup of `pid` allows: that a caller runs on few (systemd's CPUAffinity=, taskset) is no
// limit of its containers. Best effort: a container of somebody else's may be out of reach.
void reset_affinity(pid_t pid);

}  // namespace crunlite::runtime
