// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec.h"

#include <linux/capability.h>
#include <sched.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "oci/codec.h"
#include "rootfs/attached_root.h"
#include "runtime/console_socket.h"
#include "runtime/foreground.h"
#include "runtime/joining.h"
#include "runtime/pid_file.h"
#include "runtime/plan.h"
#include "runtime/seccomp_agent.h"
#include "runtime/spawn.h"
#include "runtime/status.h"
#include "runtime/unix_socket.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

constexpr size_t kDocumentLimit = 4u << 20;

Error stopped() {
  return Error(ErrorKind::kState, "cannot exec in a stopped container");
}

void require_executable(oci::Status status, const Cgroup& cgroup, bool ignore_paused) {
  if (status == oci::Status::kStopped) throw stopped();
  if (status == oci::Status::kCreating)
    throw Error(ErrorKind::kState, "cannot exec in a container that is still being created");
  if (!ignore_paused && (status == oci::Status::kPaused || cgroup.frozen()))
    throw Error(ErrorKind::kState, "cannot exec in a paused container (use --ignore-paused to override)");
}

// A file, or what the shell makes of <(…).
oci::Process read_document(const std::string& path) {
  const UniqueFd file = check(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY), "open ", path);
  const json::Value document = json::parse(read_fd(file.get(), path, kDocumentLimit), path);
  std::vector<std::string> problems;
  oci::Process process = oci::decode_process(json::Reader(document, problems));
  if (!problems.empty()) throw Error(ErrorKind::kConfig, path, ": ", join(problems, "; "));
  return process;
}

oci::Process wanted_process(const ExecOptions& options, const oci::Spec& spec) {
  std::optional<oci::Process> document;
  if (!options.process_file.empty()) document = read_document(options.process_file);
  oci::Process process = exec_process(spec.process.value_or(oci::Process{}), document, options.changes);
  const Findings findings = validate_process(process);
  if (!findings.problems.empty()) throw Error(ErrorKind::kConfig, join(findings.problems, "; "));
  for (const std::string& warning : findings.warnings) log::warning(warning);
  return process;
}

// The terminal of a detached process is its caller's affair; in the foreground it is ours.
UniqueFd console_socket(const ExecOptions& options, bool terminal) {
  const bool handed_over = options.detach && terminal;
  if (!handed_over && !options.console_socket.empty())
    throw Error(ErrorKind::kUsage, "cannot use console socket if crun-lite will not detach or allocate tty");
  if (!handed_over) return {};
  if (options.console_socket.empty())
    throw Error(ErrorKind::kUsage,
                "cannot allocate tty if crun-lite will detach without setting console socket");
  return connect_unix(options.console_socket, SOCK_STREAM, "console socket");
}

bool may_trace(const std::optional<oci::Process>& process) {
  if (!process || !process->capabilities) return false;
  return capability_masks(*process->capabilities).bounding & CapabilityMask{1} << CAP_SYS_PTRACE;
}

// Of a container that has no mount namespace to join.
UniqueFd open_attached_root(const Record& record) {
  UniqueFd root = check(sys::open_at(AT_FDCWD, record.rootfs.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW),
                        "open ", record.rootfs);
  if (rootfs::mount_number(root.get()) != record.root_mount)
    throw Error(ErrorKind::kState, "the root of the container is not mounted at ", record.rootfs,
                " any more");
  return root;
}

InitPlan plan_exec(const ExecOptions& options, const oci::Spec& spec, const oci::Process& process,
                   const Record& record, const Situation& now, const ProcessSeccomp& seccomp,
                   bool placed_by_clone) {
  const std::vector<int> types = namespace_types(spec.linux);
  std::vector<NamespaceJoin> join = namespaces_of(open_proc(), record.init.pid, types);
  // Still the same process: then what we have opened belongs to the container.
  if (!sys::pidfd_send_signal(now.init->get(), 0).ok()) throw stopped();
  ExecInputs inputs{
      .join = std::move(join),
      .in_user_namespace = std::ranges::find(types, CLONE_NEWUSER) != types.end(),
      .keyring = record.no_new_keyring ? "" : "_ses." + record.id,
      .placed_by_clone = placed_by_clone,
      .joins_rdt = record.rdt.used(),
      .has_tracers = may_trace(spec.process) || may_trace(process),
      .preserve_fds = options.preserve_fds,
      .listen_fds = options.listen_fds,
      .seccomp = seccomp.program,
      .sendmsg_is_notified = seccomp.sendmsg_is_notified,
      .annotations = spec.annotations,
      .personality = spec.linux.personality,
      .memory_policy = spec.linux.memory_policy,
  };
  Planned planned = build_exec_plan(process, std::move(inputs));
  for (const std::string& warning : planned.warnings) log::warning(warning);
  planned.plan.ends_with_parent = !options.detach;
  open_plan_resources(spec, planned.plan);
  if (record.root_mount != 0) planned.plan.exec_root = open_attached_root(record);
  return std::move(planned.plan);
}

// What a foreground exec needs while it waits, from before the process exists.
struct Foreground {
  SignalQueue signals;
  std::optional<TerminalProxy> proxy;
};

}  // namespace

int exec(const ExecOptions& options) {
  const StateDir dir = StateDir::open(options.container);
  const Record record = dir.read();
  const Situation now = situation_of(dir, record, open_proc());
  const Cgroup own = Cgroup::open(record.cgroup);
  require_executable(now.status, own, options.ignore_paused);
  Cgroup cgroup =
      options.cgroup.empty() ? own.beside(record.init.pid, open_proc()) : own.inside(options.cgroup);
  cgroup.require_joinable(options.ignore_paused ? Cgroup::MayWait::kYes : Cgroup::MayWait::kNo);
  const oci::Spec spec = dir.config();
  const oci::Process process = wanted_process(options, spec);
  const UniqueFd console = console_socket(options, process.terminal);
  ProcessSeccomp seccomp =
      seccomp_for(spec.linux.seccomp, spec.annotations, cat(options.container.root, "/.seccomp"));
  InitPlan plan = plan_exec(options, spec, process, record, now, seccomp, cgroup.placed_by_clone());

  std::optional<Foreground> foreground;
  if (!options.detach) foreground.emplace();
  if (!options.detach && options.subreaper) become_subreaper();
  const ParentServices services{
      .proc = &open_proc(),
      .cgroup_fd = cgroup.placed_by_clone() ? cgroup.clone_fd() : -1,
      .note = [&](pid_t pid) { enter_rdt(record.rdt, pid); },
      .place_in_cgroup = [&](pid_t pid) { cgroup.join(pid, InV2::kNo); },
      .receive_console =
          [&](UniqueFd master) {
            if (foreground)
              foreground->proxy.emplace(std::move(master), STDIN_FILENO, STDOUT_FILENO);
            else
              send_console(console.get(), master);
          },
      .receive_listener =
          [&](pid_t pid, UniqueFd listener) {
            if (seccomp.agent)
              seccomp.agent->hand_over(hook_state(record, now.status, record.init.pid), pid,
                                       std::move(listener));
          },
  };
  Child child = with_context("unable to start container process", [&] {
    SpawnedInit init = spawn_init(plan, services);
    if (!options.pidfd_socket.empty()) send_pidfd(options.pidfd_socket, init.child().pidfd(), "setns");
    // Before it runs: whoever waits for it finds its pid. A process that does not come about leaves none.
    PidFile pid_file(options.pid_file, init.pid());
    init.start();
    pid_file.keep();
    return init.take();
  });
  if (foreground)
    return stay_with(child, foreground->signals, foreground->proxy ? &*foreground->proxy : nullptr)
        .shell_code();
  child.detach();
  return 0;
}

}  // namespace crunlite::runtime
