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

  // --- the root; absent for exec, whose mount namespace has one
  std::optional<rootfs::RootfsPlan> rootfs;
  std::string hostname;
  std::string domainname;
  std::vector<Sysctl> sysctls;
  HookPhasePlan create_container;
  HookPhasePlan start_container;
  UniqueFd hook_stdout;  // of both; invalid: the container's own
  UniqueFd hook_stderr;

  // --- the process
  StringArray args;
  StringArray env;            // with one spare slot for HOME
  std::string search_path;    // PATH of the container
  bool look_up_home = false;  // HOME from the image's /etc/passwd
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
  SeccompProgram seccomp;            // no instructions: none
  bool sendmsg_is_notified = false;  // by it: the listener has to be announced by write(2)
  std::string apparmor_exec;         // "exec PROFILE"
  std::string selinux_exec;
  std::string keyring;  // name of the new session keyring; empty: the caller's stays
  ConsolePlan console;
  int stdio[3] = {0, 1, 2};    // descriptors of the parent that become 0, 1 and 2, unless there is a console
  unsigned preserved_fds = 0;  // 3 … 3 + n - 1 stay open

  // The start gate (runtime/start_gate.h); invalid: the start message comes over the channel, from a parent
  // that stays (run, exec).
  UniqueFd gate;
};

}  // namespace crunlite::runtime
