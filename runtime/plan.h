// SPDX-License-Identifier: Apache-2.0
// From a specification to the plan of its init process. Pure: looks at no machine, opens nothing; what has to
// be known about the machine comes in as PlanInputs. Call validate() (runtime/validate.h) first.
#pragma once

#include <string>
#include <vector>

#include "oci/annotations.h"
#include "oci/spec.h"
#include "rootfs/mount_plan.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

struct PlanInputs {
  std::string id;
  std::string bundle;  // absolute; relative mount sources are below it
  std::string rootfs;  // absolute path of root.path
  // The state document for createContainer and startContainer hooks, with "pid":0; the number is replaced by
  // the pid that the hook sees.
  std::string created_json;
  int stdio[3] = {0, 1, 2};        // see InitPlan
  bool in_user_namespace = false;  // we ourselves are not in the initial one: no mknod
  bool deny_setgroups = false;     // unprivileged id maps (user_namespaces(7))
  bool no_pivot = false;
  bool no_new_keyring = false;
  unsigned preserve_fds = 0;     // how many descriptors from 3 on stay open, those of LISTEN_FDS included
  unsigned listen_fds = 0;       // LISTEN_FDS of the caller, when LISTEN_PID is us
  bool placed_by_clone = false;  // CLONE_INTO_CGROUP puts the child into its cgroup: it need not wait
  rootfs::CgroupView cgroup;     // for mounts of type cgroup
  SeccompProgram seccomp;
  bool sendmsg_is_notified = false;           // by it: runtime/seccomp_agent.h
  std::vector<std::string> host_proc_mounts;  // only with no_pivot: where procfs and sysfs are mounted
};

// What the parent cannot grant but may go on without; for the log, never for standard error (SPEC F4).
struct Planned {
  InitPlan plan;
  std::vector<std::string> warnings;
};

// Throws Error(kConfig) for what validate() would have reported. Namespace paths and mount sources are not
// opened here: open_plan_resources() (runtime/spawn.h) does that.
Planned build_plan(const oci::Spec& spec, const PlanInputs& inputs);

// The types of the namespaces that the container has (CLONE_NEW*), in the order in which they are joined.
std::vector<int> namespace_types(const oci::Linux& linux);

// A further process in a running container: `process` with the container's user namespace facts.
struct ExecInputs {
  std::vector<NamespaceJoin> join;  // user first, mount last
  int stdio[3] = {0, 1, 2};
  bool in_user_namespace = false;  // the container has one of its own
  std::string keyring;             // name of the container's; empty: the caller's stays
  bool placed_by_clone = false;    // as in PlanInputs
  bool joins_rdt = false;          // its class of service, too, is set from outside
  bool has_tracers = false;        // some process of the container may have CAP_SYS_PTRACE
  unsigned preserve_fds = 0;
  unsigned listen_fds = 0;
  SeccompProgram seccomp;
  bool sendmsg_is_notified = false;
  oci::Annotations annotations;  // the container's
  std::optional<oci::Personality> personality;
  std::optional<oci::MemoryPolicy> memory_policy;
};
Planned build_exec_plan(const oci::Process& process, ExecInputs inputs);

}  // namespace crunlite::runtime
