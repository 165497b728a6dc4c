// SPDX-License-Identifier: Apache-2.0
// Everything the child needs to know, decided before it exists: it reads these values from its copy of the
// parent's memory, allocates nothing and parses nothing. Built by runtime/plan.h, executed by
// runtime/init/init.h. A field that is empty or -1 means that its step has nothing to do.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "rootfs/mount_op.h"
#include "runtime/capabilities.h"
#include "runtime/number_list.h"
#include "runtime/seccomp.h"

namespace crunlite::runtime {

// Null-terminated pointers for execve(2). The strings live in `owned`.
struct StringArray {
  std::vector<std::string> owned;
  std::vector<char*> pointers;  // ends with `spare` + 1 null pointers
};

// An existing namespace to join: setns(fd, type).
struct NamespaceJoin {
  UniqueFd fd;
  int type = 0;  // CLONE_NEW*
  std::string path;
};

struct NamespacePlan {
  uint64_t clone = 0;  // CLONE_NEW* for clone3
  int unshare_late =
      0;  // CLONE_NEWCGROUP (roots itself where the caller is *then*), CLONE_NEWTIME with offsets
  std::vector<NamespaceJoin> join;            // by the child, user namespace first
  std::vector<NamespaceJoin> join_by_parent;  // around the clone: pid; with a new user namespace also others
  bool new_user = false;
  bool joined_user = false;
  // A pid namespace of `join` takes in only children: the process makes the one that goes on there when it
  // has nothing left that the others in there must not have.
  bool pid_by_successor = false;
  int unshare_joined = 0;  // with joined_user: the new namespaces, which must belong to it
  // A new time namespace that the clone does not make: there are offsets to write first, or the clone cannot.
  bool time_by_hand = false;
  std::string time_offsets;  // for /proc/self/timens_offsets
};

struct HookPlan {
  std::string path;
  StringArray args;
  StringArray env;
  int timeout_ms = -1;  // none
};

// The hooks of one phase, and the state document for their standard input: the pid as the container sees it
// comes in between.
struct HookPhasePlan {
  std::vector<HookPlan> hooks;
  std::string state_head;
  std::string state_tail;
  // startContainer: they run under the process's seccomp filter, and with its environment unless they have
  // one of their own, as runc's do.
  bool as_the_process = false;
};

struct Sysctl {
  std::string path;  // below the procfs root: sys/net/ipv4/ip_forward
  std::string value;
  int namespace_type = 0;  // CLONE_NEW* of the one it belongs to
  std::string key;         // as the document has it
};

struct RlimitPlan {
  int resource = 0;
  rlimit limit{};
  std::string name;
};

// struct sched_attr of the kernel (sched_setattr(2)), which glibc 2.36 does not have.
struct SchedulerAttributes {
  uint32_t size = sizeof(SchedulerAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
  uint32_t util_min = 0;
  uint32_t util_max = 0;
};
static_assert(sizeof(SchedulerAttributes) == 56);  // SCHED_ATTR_SIZE_VER1, Linux 5.3

struct SchedulerPlan {
  SchedulerAttributes attributes;
  std::string name;  // as the document has it
};

struct IoPriorityPlan {
  int value = 0;  // ioprio_set(2)
  std::string name;
};

struct MemoryPolicyPlan {
  int mode = 0;  // with its flags: set_mempolicy(2)
  BitMask nodes;
  std::string name;
};

struct ConsolePlan {
  bool wanted = false;
  unsigned short rows = 0;  // 0 and 0: the kernel's default
  unsigned short columns = 0;
};

struct IdMap {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

struct InitPlan {
  // --- namespaces, and what the parent does for them
  NamespacePlan namespaces;
  std::vector<IdMap> uid_map;
  std::vector<IdMap> gid_map;
  bool deny_setgroups = false;
  bool wait_for_placement =
      false;                   // cgroup v1, id maps, network devices: before anything that depends on them
  bool runtime_hooks = false;  // prestart or createRuntime: the parent runs them once the mounts are made
  std::optional<int> oom_score_adj;  // written by the parent
  BitMask initial_cpus;              // this and the next set by the parent too; empty: left alone
  BitMask final_cpus;

  // --- the root; absent for exec, whose mount namespace has one
  std::optional<rootfs::RootfsPlan> rootfs;
  UniqueFd exec_root;  // of exec, where the container has no mount namespace of its own
  std::string hostname;
  std::string domainname;
  std::vector<Sysctl> sysctls;
  HookPhasePlan create_container;
  HookPhasePlan start_container;
  UniqueFd hook_stdout;  // of both; invalid: the container's own
  UniqueFd hook_stderr;

  // --- the process
  StringArray args;              // empty: there is nothing to start
  StringArray env;               // with two spare slots, for LISTEN_PID and HOME
  std::string search_path;       // PATH of the container
  bool tell_listen_pid = false;  // LISTEN_PID is the pid that the process itself sees: sd_listen_fds(3)
  bool look_up_home = false;     // HOME from the image's /etc/passwd
  std::string cwd;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool set_groups = true;        // false: setgroups(2) is denied in the user namespace
  bool groups_may_stay = false;  // an empty list that the kernel refuses (setgroups denied by somebody else)
  // Unless the document has one: runc's and crun's. runtime-spec would leave the caller's, but dockerd and
  // buildkitd run with 0 (they make files for others), and every file of a RUN step would be world-writable.
  mode_t umask = 0022;
  std::vector<RlimitPlan> rlimits;
  std::optional<CapabilityMasks> capabilities;
  bool no_new_privileges = false;
  std::optional<unsigned long> personality;
  std::optional<SchedulerPlan> scheduler;
  std::optional<IoPriorityPlan> io_priority;
  std::optional<MemoryPolicyPlan> memory_policy;
  // Loading a filter without no_new_privs takes CAP_SYS_ADMIN, which a process must not bring into a pid
  // namespace where somebody may trace it. Then the filter has to let through what comes after: clone,
  // execve.
  bool filter_before_entering = false;
  SeccompProgram seccomp;            // no instructions: none
  bool sendmsg_is_notified = false;  // by it: the listener has to be announced by write(2)
  std::string apparmor_exec;         // "exec PROFILE"
  std::string selinux_exec;
  std::string keyring;  // name of the new session keyring; empty: the caller's stays
  ConsolePlan console;
  int stdio[3] = {0, 1, 2};    // descriptors of the parent that become 0, 1 and 2, unless there is a console
  unsigned preserved_fds = 0;  // 3 … 3 + n - 1 stay open

  // Of a foreground exec: nothing of it may outlive whoever waits for it.
  bool ends_with_parent = false;

  // The start gate (runtime/start_gate.h); invalid: the start message comes over the channel, from a parent
  // that stays (run, exec).
  UniqueFd gate;
};

// The parent must know whose listener it gets before it gets it.
inline bool waits_for_adoption(const InitPlan& plan) {
  return plan.namespaces.pid_by_successor && !plan.seccomp.notifying.empty();
}

// A policy that ends with fork(2) (SCHED_FLAG_RESET_ON_FORK), or that forbids it (SCHED_DEADLINE), cannot be
// set before the last process is there; which has no privilege for it.
inline bool scheduled_by_parent(const InitPlan& plan) {
  constexpr uint64_t kResetOnFork = 0x01;
  constexpr uint32_t kDeadline = 6;
  if (!plan.namespaces.pid_by_successor || !plan.scheduler) return false;
  const SchedulerAttributes& wanted = plan.scheduler->attributes;
  return (wanted.flags & kResetOnFork) || wanted.policy == kDeadline;
}

}  // namespace crunlite::runtime
