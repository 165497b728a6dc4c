// SPDX-License-Identifier: Apache-2.0
// Makes the container's init (or an exec'd process) out of a plan: one clone3, one channel, and the parent's
// half of the conversation until the child is Ready. Knows nothing of state files, cgroup paths or hook
// programs: those are callbacks.
//
// Order (runtime-spec, runtime.md "Lifecycle"):
//   clone3 -> write_id_maps, place_in_cgroup, oom_score_adj -> [child: namespaces, mounts]
//   -> run_runtime_hooks (prestart, createRuntime; mounts are made, the root is not entered yet)
//   -> [child: createContainer hooks, pivot, masks] -> receive_console
//   -> [child: user, capabilities, executable found] -> Ready -> … start -> [startContainer hooks, execve]
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/child.h"
#include "base/error.h"
#include "base/proc.h"
#include "oci/spec.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

struct ParentServices {
  const Proc* proc = nullptr;  // required: of our own pid namespace
  int cgroup_fd = -1;          // cgroup v2 directory for CLONE_INTO_CGROUP
  // Each is called at most once; all may be empty. An exception from one ends the child.
  std::function<void(pid_t)> write_id_maps;  // default: written directly from the plan (needs privilege)
  std::function<void(pid_t)> note;           // the process's pid is known; it has not gone far
  // Called when CLONE_INTO_CGROUP was not asked for or this kernel has not got it.
  std::function<void(pid_t)> place_in_cgroup;
  // linux.netDevices: before the child writes the sysctls that may be theirs. The plan makes the child wait.
  std::function<void(pid_t)> lend_network_devices;
  std::function<void(pid_t)> run_runtime_hooks;  // prestart, then createRuntime
  std::function<void(UniqueFd master)> receive_console;
  std::function<void(pid_t, UniqueFd listener)> receive_listener;  // of a seccomp filter that notifies
};

// An init that is Ready: everything is applied and it waits for the start.
class SpawnedInit {
 public:
  SpawnedInit(Child child, UniqueFd channel) : child_(std::move(child)), channel_(std::move(channel)) {}

  Child& child() { return child_; }
  pid_t pid() const { return child_.pid(); }
  // Without a gate: lets it go and waits until execve has succeeded. Throws what the child reports, e.g.
  // Error(kCommandNotFound).
  void start();
  // Gives the child to the caller, who detaches it or waits for it.
  Child take() { return std::move(child_); }

 private:
  Child child_;
  UniqueFd channel_;
};

// Opens what the plan names: detached trees for mount sources that the child could not reach or that get
// mapped ids. To be called once, before spawn_init, with all privileges.
void open_plan_resources(const oci::Spec& spec, InitPlan& plan);

// Throws Error with the child's own words: "mount proc on /proc: Operation not permitted". On any exception
// the child has been killed and reaped.
SpawnedInit spawn_init(InitPlan& plan, const ParentServices& services);

// Direct writing of the maps of `pid`; what ParentServices::write_id_maps does when it is empty.
void write_id_maps(const Proc& proc, pid_t pid, const InitPlan& plan);

}  // namespace crunlite::runtime
