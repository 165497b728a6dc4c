// SPDX-License-Identifier: Apache-2.0
// `create`: everything but running the program. The order of the steps is the order of what has to be undone;
// the owners undo it when an exception passes.
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "net/moved_links.h"
#include "rootfs/attached_root.h"
#include "runtime/bundle.h"
#include "runtime/cgroup/delegate.h"
#include "runtime/console_socket.h"
#include "runtime/hooks.h"
#include "runtime/notify_socket.h"
#include "runtime/pid_file.h"
#include "runtime/plan.h"
#include "runtime/rootless.h"
#include "runtime/runtime.h"
#include "runtime/seccomp_agent.h"
#include "runtime/spawn.h"
#include "runtime/start_gate.h"
#include "runtime/state_dir.h"
#include "runtime/status.h"
#include "runtime/unix_socket.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

// Runs the poststop hooks when a create fails after its first hook has run: what a prestart hook set up (a
// network, say) is torn down by its poststop twin (runtime.md, Lifecycle). Declared first, so that it acts
// last.
class PoststopOnFailure {
 public:
  explicit PoststopOnFailure(const Record& record) : record_(record) {}
  PoststopOnFailure(const PoststopOnFailure&) = delete;
  PoststopOnFailure& operator=(const PoststopOnFailure&) = delete;
  ~PoststopOnFailure() {
    if (armed_) run_poststop_hooks(record_.poststop, hook_state(record_, oci::Status::kStopped, 0));
  }
  void arm() { armed_ = true; }
  void disarm() { armed_ = false; }

 private:
  const Record& record_;
  bool armed_ = false;
};

std::string rfc3339_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  struct tm utc {};
  ::gmtime_r(&now.tv_sec, &utc);
  char seconds[sizeof "2026-11-23T03:15:29"];
  ::strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string nanoseconds = cat(1'000'000'000 + now.tv_nsec);  // ten digits, of which nine count
  return cat(seconds, ".", std::string_view(nanoseconds).substr(1), "Z");
}

UniqueFd console_socket(const CreateOptions& options, const oci::Spec& spec) {
  const bool terminal = spec.process && spec.process->terminal;
  if (!terminal && !options.console_socket.empty())
    throw Error(ErrorKind::kUsage, "cannot use console socket if crun-lite will not allocate a tty")
        .with_remedy("set process.terminal in config.json, or leave out --console-socket");
  if (!terminal) return {};
  if (options.console_fd >= 0) return check(sys::dup(options.console_fd), "keep the console socket");
  if (options.console_socket.empty())
    throw Error(ErrorKind::kUsage,
                "cannot allocate tty if crun-lite will detach without setting console socket");
  return connect_unix(options.console_socket, SOCK_STREAM, "console socket");
}

Record first_record(const CreateOptions& options, const Bundle& bundle, const StateDir& dir,
                    const Proc& proc) {
  const oci::Spec& spec = bundle.spec;
  return Record{.id = options.container.id,
                .oci_version = spec.oci_version,
                .bundle = bundle.path,
                .rootfs = bundle.rootfs,
                .created = rfc3339_now(),
                .annotations = spec.annotations,
                .cgroup = plan_cgroup({.spec_path = spec.linux.cgroups_path,
                                       .id = options.container.id,
                                       .owner = dir.path(),
                                       .manager = options.cgroup_manager,
                                       .systemd = options.systemd,
                                       .rootless = options.rootless},
                                      proc),
                .rdt = plan_rdt(spec.linux.intel_rdt, options.container.id, proc),
                .no_new_keyring = options.no_new_keyring,
                .poststart = spec.hooks.poststart,
                .poststop = spec.hooks.poststop};
}

// Where the container's cgroups are, for mounts of type cgroup.
rootfs::CgroupView cgroup_view(const CgroupPlan& plan, const Proc& proc) {
  rootfs::CgroupView view;
  // Without a cgroup of its own it sees the one that it is in, its caller's.
  const bool has_none = plan.manager == CgroupManager::kCgroupfs && plan.hierarchies.empty();
  for (ContainerCgroupMount& mount : has_none ? own_cgroup_mounts(proc) : container_cgroup_mounts(plan)) {
    if (mount.directory.empty()) {
      view.unified = true;
      view.unified_directory = std::move(mount.host_path);
      continue;
    }
    view.v1.push_back({.name = std::move(mount.directory),
                       .options = std::move(mount.data),
                       .type = std::move(mount.type),
                       .directory = std::move(mount.host_path)});
  }
  return view;
}

// user_namespaces(7): the initial one has this fixed number (PROC_USER_INIT_INO). An identity map proves
// nothing.
bool in_user_namespace(const Proc& proc) {
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;
  const sys::Result<struct stat> self = sys::stat_at(proc.fd(), "self/ns/user", 0);
  return self.ok() && self->st_ino != kInitialUserNamespace;
}

// All procfs and sysfs mounts but those that belong to the container's own tree.
std::vector<std::string> host_proc_mounts(const Proc& proc, const std::string& rootfs) {
  constexpr size_t kMostMountinfo = 64u << 20;
  const UniqueFd file = check(proc.open_file("self/mountinfo", O_RDONLY), "open self/mountinfo");
  std::vector<std::string> found =
      mount_points_of(read_fd(file.get(), "mountinfo", kMostMountinfo), {"proc", "sysfs"});
  const std::string own = absolute_directory(rootfs) + "/";
  std::erase_if(found, [&](const std::string& path) { return path.starts_with(own); });
  return found;
}

InitPlan plan_init(const CreateOptions& options, const Bundle& bundle, const Record& record,
                   const Cgroup& cgroup, const ProcessSeccomp& seccomp, const Proc& proc) {
  PlanInputs inputs{
      .id = record.id,
      .bundle = bundle.path,
      .rootfs = bundle.rootfs,
      .created_json = json::dump(oci::encode_state(hook_state(record, oci::Status::kCreated, 0))),
      .in_user_namespace = in_user_namespace(proc),
      .deny_setgroups = must_deny_setgroups(bundle.spec.linux),
      .no_pivot = options.no_pivot,
      .no_new_keyring = options.no_new_keyring,
      .preserve_fds = options.preserve_fds,
      .listen_fds = options.listen_fds,
      .placed_by_clone = cgroup.placed_by_clone(),
      .cgroup = cgroup_view(record.cgroup, proc),
      .seccomp = seccomp.program,
      .sendmsg_is_notified = seccomp.sendmsg_is_notified,
  };
  std::ranges::copy(options.stdio, inputs.stdio);
  if (options.no_pivot) inputs.host_proc_mounts = host_proc_mounts(proc, bundle.rootfs);
  Planned planned = build_plan(bundle.spec, inputs);
  for (const std::string& warning : planned.warnings) log::warning(warning);
  open_plan_resources(bundle.spec, planned.plan);
  return std::move(planned.plan);
}

// They are told "created", as the specification's own test suite asks and crun says: step 2 of the lifecycle,
// of which "creating" speaks (runtime.md, State), is over when the first hook runs.
void run_runtime_hooks(const oci::Hooks& hooks, const Record& record, pid_t pid,
                       PoststopOnFailure& poststop) {
  poststop.arm();
  const oci::State state = hook_state(record, oci::Status::kCreated, pid);
  run_hooks("prestart", hooks.prestart, state);
  run_hooks("createRuntime", hooks.create_runtime, state);
}

// The container's: one that it joins, or the new one of its init.
UniqueFd network_namespace(const NamespacePlan& plan, const Proc& proc, pid_t pid) {
  for (const auto* list : {&plan.join, &plan.join_by_parent})
    for (const NamespaceJoin& ns : *list)
      if (ns.type == CLONE_NEWNET) return check(sys::dup(ns.fd.get()), "dup");
  if (((plan.clone | static_cast<uint64_t>(plan.unshare_joined)) & CLONE_NEWNET) == 0)
    throw Error(ErrorKind::kConfig, "netDevices need a network namespace of the container's own");
  return check(sys::open_at(proc.fd(), cat(pid, "/ns/net").c_str(), O_RDONLY),
               "open the container's network namespace");
}

using LentDevices = std::optional<net::MovedLinks>;

void lend_network_devices(const oci::Linux& linux, const InitPlan& plan, const Proc& proc, pid_t pid,
                          LentDevices& lent) {
  if (linux.net_devices.empty()) return;
  lent.emplace(network_namespace(plan.namespaces, proc, pid));
  // First those that want one name: the kernel gives the others what is left.
  for (const bool any_number : {false, true})
    for (const auto& [name, device] : linux.net_devices)
      if (device.name.ends_with("%d") == any_number) lent->move(name, device.name);
}

Bundle checked_bundle(const CreateOptions& options) {
  Bundle bundle = load_bundle(options.bundle, options.config_file);
  for (const std::string& warning : check_valid(bundle.spec)) log::warning(warning);
  // Where it leads: the kernel has one errno for all that can be wrong with the target of a mount.
  bundle.rootfs = with_context("root.path", [&] { return absolute_directory(bundle.rootfs); });
  return bundle;
}

// Before anything else: from then on `delete --force` finds all that comes into being.
void journal(const StateDir& dir, const Record& record, const Bundle& bundle) {
  dir.write(record);
  dir.keep_config(bundle.text);
}

ProcessSeccomp seccomp_of(const oci::Spec& spec, const Ref& container) {
  return seccomp_for(spec.linux.seccomp, spec.annotations, cat(container.root, "/.seccomp"));
}

void hand_over(ProcessSeccomp& seccomp, const Record& record, pid_t pid, UniqueFd listener) {
  if (!seccomp.agent) return;
  seccomp.agent->hand_over(hook_state(record, oci::Status::kCreating, pid), pid, std::move(listener));
}

// Journalled before it is attached, which the init does.
uint64_t note_root_mount(const StateDir& dir, const InitPlan& plan, Record& record) {
  if (!plan.rootfs->in_callers_namespace) return 0;
  record.root_mount = rootfs::mount_number(plan.rootfs->tree.get());
  dir.write(record);
  return record.root_mount;
}

void announce_pidfd(const CreateOptions& options, const Record& record, int pidfd) {
  if (!options.pidfd_socket.empty()) send_pidfd(options.pidfd_socket, pidfd, "standard");
  const std::string path = oci::annotation(record.annotations, oci::kPidfdReceiver);
  if (!path.empty()) send_pidfd(path, pidfd, record.id);
}

void delegate(Cgroup& cgroup, const oci::Spec& spec) {
  if (const std::optional<uid_t> owner = cgroup_owner(spec)) cgroup.delegate(*owner);
}

void limit(Cgroup& cgroup, const oci::Spec& spec) {
  cgroup.apply(spec.linux.resources);
  delegate(cgroup, spec);
}

// systemd makes its unit around a process: there, everything happens now.
void place(Cgroup& cgroup, const Record& record, const oci::Spec& spec, pid_t pid) {
  if (!record.cgroup.systemd) return cgroup.join(pid, InV2::kNo);
  cgroup.start_unit(pid, {.resources = spec.linux.resources, .annotations = spec.annotations});
  delegate(cgroup, spec);
}

}  // namespace

Child create(const CreateOptions& options) {
  Bundle bundle = checked_bundle(options);
  const oci::Spec& spec = bundle.spec;
  const UniqueFd console = console_socket(options, spec);

  StateDir dir = StateDir::reserve(options.container);
  ProcessSeccomp seccomp = seccomp_of(spec, options.container);
  if (!options.notify_socket.empty()) give_notify_socket(dir.fd(), dir.path(), bundle.spec);
  const Proc& proc = open_proc();
  Record record = first_record(options, bundle, dir, proc);
  journal(dir, record, bundle);
  PoststopOnFailure poststop(record);
  Cgroup cgroup = Cgroup::create(record.cgroup);
  if (!record.cgroup.systemd) limit(cgroup, spec);
  record.cgroup = cgroup.made();
  Rdt rdt = Rdt::create(record.rdt, spec.linux.intel_rdt.value_or(oci::IntelRdt{}));
  record.rdt = rdt.made();

  InitPlan plan = plan_init(options, bundle, record, cgroup, seccomp, proc);
  rootfs::AttachedRoot root(record.rootfs, note_root_mount(dir, plan, record));
  LentDevices lent;
  plan.gate = StartGate::create(dir.fd());
  ParentServices services{
      .proc = &proc,
      .cgroup_fd = cgroup.placed_by_clone() ? cgroup.clone_fd() : -1,
      .note =
          [&](pid_t pid) {
            record.init = identify(proc, pid);
            dir.note_init(record.init);
            rdt.join(pid);
          },
      .place_in_cgroup =
          [&](pid_t pid) {
            place(cgroup, record, spec, pid);
            record.cgroup = cgroup.made();
          },
      .lend_network_devices = [&](pid_t pid) { lend_network_devices(spec.linux, plan, proc, pid, lent); },
      .run_runtime_hooks = [&](pid_t pid) { run_runtime_hooks(spec.hooks, record, pid, poststop); },
      .receive_console = [&](UniqueFd master) { send_console(console.get(), master); },
      .receive_listener = [&](pid_t pid, UniqueFd fd) { hand_over(seccomp, record, pid, std::move(fd)); },
  };
  if (is_unprivileged())
    services.write_id_maps = [&](pid_t pid) { write_id_maps_unprivileged(proc, pid, plan); };
  // The init runs these hooks itself and cannot tell us how far it came.
  if (!spec.hooks.create_container.empty()) poststop.arm();
  SpawnedInit init =
      with_context("unable to start container process", [&] { return spawn_init(plan, services); });

  announce_pidfd(options, record, init.child().pidfd());
  record.phase = Record::Phase::kCreated;
  dir.write(record);
  PidFile(options.pid_file, init.pid()).keep();
  poststop.disarm();
  if (lent) lent->keep();
  root.keep();
  cgroup.keep();
  rdt.keep();
  dir.keep();
  return init.take();
}

}  // namespace crunlite::runtime
