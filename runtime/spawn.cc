// SPDX-License-Identifier: Apache-2.0
#include "runtime/spawn.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/user_namespace.h"
#include "rootfs/mount_source.h"
#include "runtime/affinity.h"
#include "runtime/failure.h"
#include "runtime/hooks.h"
#include "runtime/init/init.h"
#include "runtime/init/scheduling.h"
#include "runtime/joining.h"
#include "runtime/labels.h"
#include "runtime/sequence.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

bool has_user_namespace(const InitPlan& plan) {
  return plan.namespaces.new_user || plan.namespaces.joined_user;
}

struct Cloned {
  Child child;
  bool placed = false;  // CLONE_INTO_CGROUP did it
};

// Never returns in the child.
Cloned clone_init(InitPlan& plan, const ParentServices& services, sys::SocketPair& channel) {
  int pidfd = -1;
  clone_args args{};
  args.flags = plan.namespaces.clone | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  Cloned cloned;
  if (services.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(services.cgroup_fd);
    cloned.placed = true;
  }
  sys::Result<pid_t> pid = sys::clone3(args);
  if (sys::clone3_may_be_missing(pid.error())) {
    args.flags &= ~uint64_t{CLONE_INTO_CGROUP};
    if (cloned.placed) plan.wait_for_placement = true;
    cloned.placed = false;
    // CLONE_NEWTIME is one of the bits where clone(2) has the exit signal.
    if (args.flags & CLONE_NEWTIME) plan.namespaces.time_by_hand = true;
    args.flags &= ~uint64_t{CLONE_NEWTIME};
    pid = sys::clone_without_clone3(args);
  }
  if (pid.error() == EACCES && cloned.placed)
    throw SysError(EACCES, "clone the container's init into its cgroup")
        .with_remedy("both cgroups, ours and the container's, must be below one that we may change");
  const pid_t child = check(pid, "clone the container's init");
  if (child == 0) {
    // The parent's end must be closed here too: its end is how we see that the parent is gone.
    channel.first.reset();
    run_init(plan, std::move(channel.second));
  }
  cloned.child = Child(child, UniqueFd(pidfd));
  return cloned;
}

void write_oom_score(const Proc& proc, pid_t pid, const InitPlan& plan) {
  if (!plan.oom_score_adj) return;
  check(proc.write_file(cat(pid, "/oom_score_adj").c_str(), cat(*plan.oom_score_adj)),
        "set oom_score_adj to ", *plan.oom_score_adj);
}

// A process in a user namespace may not raise its own hard limits, whatever its capabilities there.
void raise_rlimits(pid_t pid, const InitPlan& plan) {
  if (!has_user_namespace(plan)) return;
  for (const RlimitPlan& wanted : plan.rlimits) {
    const auto resource = static_cast<__rlimit_resource>(wanted.resource);
    rlimit now{};
    if (::prlimit(pid, resource, nullptr, &now) == -1) throw SysError(errno, "read rlimit ", wanted.name);
    if (wanted.limit.rlim_max <= now.rlim_max) continue;
    if (::prlimit(pid, resource, &wanted.limit, nullptr) == -1)
      throw SysError(errno, "set rlimit ", wanted.name);
  }
}

// The parent's half of the conversation with one child.
class Conversation {
 public:
  Conversation(InitPlan& plan, const ParentServices& services, Cloned cloned, int channel)
      : plan_(plan),
        services_(services),
        child_(std::move(cloned.child)),
        placed_(cloned.placed),
        channel_(channel),
        sequence_(plan) {}

  Child run_until_ready() {
    const bool has_successor = plan_.namespaces.joined_user && plan_.namespaces.unshare_joined != 0;
    if (!has_successor) place();
    while (!sequence_.ready()) {
      UniqueFd fd;
      const Frame frame = next(fd);
      sequence_.on(frame.msg);
      handle(frame, std::move(fd));
    }
    return std::move(child_);
  }

 private:
  Frame next(UniqueFd& fd) {
    Frame frame;
    sys::Status status = receive_message(channel_, frame, &fd);
    // It ended without reading what we had said to it. Its own last words are still there (unix(7)).
    if (status.error() == ECONNRESET) status = receive_message(channel_, frame, &fd);
    if (status.error() == EPIPE || status.error() == ECONNRESET) report_death();
    check(status, "wait for the container's init");
    return frame;
  }

  [[noreturn]] void report_death() {
    const sys::Exit exit = child_.wait();
    throw Error(ErrorKind::kSystem, "the container's init ended while ", sequence_.waiting_for(),
                exit.code == CLD_EXITED ? " with exit status " : ", killed by signal ", exit.status);
  }

  void handle(const Frame& frame, UniqueFd fd) {
    switch (frame.msg) {
      case Msg::kFailed:
        throw_failure(frame);
      case Msg::kSuccessor:
        adopt(std::move(fd));
        break;
      case Msg::kMapSource:
        map_source(frame, fd);
        tell(Msg::kSourceMapped);
        break;
      case Msg::kRunHooks:
        if (services_.run_runtime_hooks) services_.run_runtime_hooks(child_.pid());
        tell(Msg::kHooksDone);
        break;
      case Msg::kConsole:
        if (services_.receive_console) services_.receive_console(std::move(fd));
        break;
      case Msg::kListener:
        if (services_.receive_listener)
          services_.receive_listener(child_.pid(), listener(frame, std::move(fd)));
        break;
      default:
        break;
    }
  }

  void map_source(const Frame& frame, const UniqueFd& tree) const {
    const std::vector<rootfs::MountOp>& mounts = plan_.rootfs->mounts;
    const auto index = static_cast<size_t>(frame.error);
    if (index >= mounts.size() || !rootfs::is_mapped_by_parent(mounts[index]) || !tree.valid())
      throw Error(ErrorKind::kSystem, "the container's init asked for the ids of mount ", frame.error);
    rootfs::map_inner_source(mounts[index], tree.get());
  }

  UniqueFd listener(const Frame& frame, UniqueFd fd) const {
    if (fd.valid()) return fd;
    return check(sys::pidfd_getfd(child_.pidfd(), frame.error), "take the listener of the seccomp filter");
  }

  // The first process has made the one that goes on, and ends.
  void adopt(UniqueFd pidfd) {
    const pid_t pid = pid_of(*services_.proc, pidfd.get());
    Child successor(pid, std::move(pidfd));
    (void)child_.wait();
    child_ = std::move(successor);
    if (!in_place_) place();
    if (waits_for_adoption(plan_)) tell(Msg::kProceed);
    if (scheduled_by_parent(plan_))
      check(apply_scheduler(child_.pid(), *plan_.scheduler), "set scheduler ", plan_.scheduler->name);
  }

  void place() {
    in_place_ = true;
    const pid_t pid = child_.pid();
    if (services_.note) services_.note(pid);
    if (plan_.namespaces.new_user) {
      if (services_.write_id_maps)
        services_.write_id_maps(pid);
      else
        write_id_maps(*services_.proc, pid, plan_);
    }
    if (!placed_ && services_.place_in_cgroup) services_.place_in_cgroup(pid);
    if (services_.lend_network_devices) services_.lend_network_devices(pid);
    // With only `initial` the kernel decides (config.md).
    if (plan_.initial_cpus.empty() && plan_.final_cpus.empty()) reset_affinity(pid);
    set_affinity(pid, plan_.final_cpus);
    write_oom_score(*services_.proc, pid, plan_);
    raise_rlimits(pid, plan_);
    if (plan_.wait_for_placement || plan_.namespaces.new_user) tell(Msg::kProceed);
  }

  void tell(Msg msg) {
    // A child that has died says more by its last message than EPIPE does: the next read reports it.
    const sys::Status status = send_message(channel_, msg);
    if (status.error() != EPIPE && status.error() != ECONNRESET)
      check(status, "talk to the container's init");
  }

  InitPlan& plan_;
  const ParentServices& services_;
  Child child_;
  bool placed_;            // in the cgroup, by the clone
  bool in_place_ = false;  // place() was called; a later successor inherits what it does
  int channel_;
  Sequence sequence_;
};

bool has_own(const NamespacePlan& plan, int type) {
  const auto flag = static_cast<uint64_t>(type);
  if ((plan.clone | static_cast<uint64_t>(plan.unshare_joined)) & flag) return true;
  const auto is_type = [&](const NamespaceJoin& ns) { return ns.type == type; };
  return std::ranges::any_of(plan.join, is_type) || std::ranges::any_of(plan.join_by_parent, is_type);
}

// A namespace given by path may turn out to be our own: what is set there would be the host's.
void refuse_to_change_the_host(const InitPlan& plan) {
  for (const Sysctl& sysctl : plan.sysctls)
    if (!has_own(plan.namespaces, sysctl.namespace_type))
      throw Error(ErrorKind::kConfig, "sysctl ", quote(sysctl.key),
                  " is not allowed in the host's namespace");
  if ((!plan.hostname.empty() || !plan.domainname.empty()) && !has_own(plan.namespaces, CLONE_NEWUTS))
    throw Error(ErrorKind::kConfig, "hostname and domainname cannot be set in the host's UTS namespace");
}

// runtime-spec: a namespace type that is not listed is inherited. Then nothing may be done to "/", and
// whatever would be is refused.
void share_mounts_with_the_caller(InitPlan& plan) {
  if (has_own(plan.namespaces, CLONE_NEWNS)) return;
  if (has_user_namespace(plan))
    throw Error(ErrorKind::kConfig, "a user namespace needs a mount namespace of the container's own");
  if (plan.rootfs->propagation != 0)
    throw Error(ErrorKind::kConfig, "rootfsPropagation needs a mount namespace of the container's own");
  plan.rootfs->in_callers_namespace = true;
  // Copies of the caller's mounts: a namespace of its own would have made them slaves.
  for (rootfs::MountOp& op : plan.rootfs->mounts)
    if (op.kind == rootfs::MountKind::kBind) op.propagation.insert(op.propagation.begin(), MS_SLAVE | MS_REC);
}

void require_open(const InitPlan& plan) {
  for (unsigned i = 0; i < plan.preserved_fds; ++i)
    if (::fcntl(static_cast<int>(3 + i), F_GETFD) == -1)
      throw Error(ErrorKind::kUsage, "file descriptor ", 3 + i, " is to be preserved but is not open");
}

}  // namespace

void SpawnedInit::start() {
  check(send_message(channel_.get(), Msg::kStart), "send the start to the container's init");
  wait_for_execution(channel_.get());
}

void open_plan_resources(const oci::Spec& spec, InitPlan& plan) {
  const std::string profile = plan.apparmor_exec.empty() ? "" : plan.apparmor_exec.substr(5);  // "exec …"
  require_label_support(profile, plan.selinux_exec, spec.linux.mount_label, open_proc());
  open_namespaces(plan.namespaces);
  if (!plan.rootfs) return;
  if (!plan.create_container.hooks.empty() || !plan.start_container.hooks.empty()) {
    HookOutput output = open_hook_output(spec.annotations);
    plan.hook_stdout = std::move(output.out);
    plan.hook_stderr = std::move(output.err);
  }
  refuse_to_change_the_host(plan);
  share_mounts_with_the_caller(plan);
  int user_namespace = -1;
  for (const NamespaceJoin& ns : plan.namespaces.join)
    if (ns.type == CLONE_NEWUSER) user_namespace = ns.fd.get();
  rootfs::open_sources(spec, has_user_namespace(plan), user_namespace, *plan.rootfs);
}

SpawnedInit spawn_init(InitPlan& plan, const ParentServices& services) {
  require_open(plan);
  sys::SocketPair channel =
      check(sys::socket_pair(SOCK_SEQPACKET), "create a channel to the container's init");
  Cloned cloned = [&] {
    const AffinityForClone affinity(plan.initial_cpus);
    const JoinedForClone joined(plan.namespaces.join_by_parent);
    return clone_init(plan, services, channel);
  }();
  channel.second.reset();
  Conversation conversation(plan, services, std::move(cloned), channel.first.get());
  Child child = conversation.run_until_ready();
  return SpawnedInit(std::move(child), std::move(channel.first));
}

void write_id_maps(const Proc& proc, pid_t pid, const InitPlan& plan) {
  const auto ranges = [](const std::vector<IdMap>& map) {
    std::vector<IdRange> out;
    for (const IdMap& m : map) out.push_back({m.container_id, m.host_id, m.size});
    return out;
  };
  crunlite::write_id_maps(proc, pid, ranges(plan.uid_map), ranges(plan.gid_map), plan.deny_setgroups);
}

}  // namespace crunlite::runtime
