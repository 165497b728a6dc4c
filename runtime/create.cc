// SPDX-License-Identifier: Apache-2.0
// `create`: everything but running the program. The order of the steps is the order of what has to be undone;
// the owners undo it when an exception passes.
#include <sched.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "base/user_namespace.h"
#include "rootfs/attached_root.h"
#include "runtime/console_socket.h"
#include "runtime/create_steps.h"
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

namespace crunlite::runtime {
namespace {

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

void lend(const oci::Linux& linux, const InitPlan& plan, const Proc& proc, pid_t pid, LentDevices& lent) {
  if (!linux.net_devices.empty())
    lend_network_devices(linux, network_namespace(plan.namespaces, proc, pid), lent);
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
      .lend_network_devices = [&](pid_t pid) { lend(spec.linux, plan, proc, pid, lent); },
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
