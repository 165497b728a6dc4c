// SPDX-License-Identifier: Apache-2.0
#include "runtime/create_steps.h"

#include <time.h>

#include <climits>

#include "base/error.h"
#include "base/log.h"
#include "oci/annotations.h"
#include "runtime/cgroup/delegate.h"
#include "runtime/hooks.h"
#include "runtime/status.h"
#include "runtime/unix_socket.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

void delegate(Cgroup& cgroup, const oci::Spec& spec) {
  if (const std::optional<uid_t> owner = cgroup_owner(spec)) cgroup.delegate(*owner);
}

std::string link_of(const Proc& proc, int fd) {
  char text[PATH_MAX];
  const sys::Result<size_t> size =
      sys::readlink_at(proc.fd(), cat("self/fd/", fd).c_str(), text, sizeof text);
  return size.ok() ? valid_utf8(std::string_view(text, *size)) : "";
}

// What 0, 1 and 2 of a container without a terminal are.
std::vector<std::string> stdio_of(const CreateOptions& options, const oci::Spec& spec, const Proc& proc) {
  if (spec.process && spec.process->terminal) return {};
  std::vector<std::string> out;
  for (const int fd : options.stdio) out.push_back(link_of(proc, fd));
  return out;
}

}  // namespace

PoststopOnFailure::~PoststopOnFailure() {
  if (armed_) run_poststop_hooks(record_.poststop, hook_state(record_, oci::Status::kStopped, 0));
}

Bundle checked_bundle(const CreateOptions& options) {
  Bundle bundle = load_bundle(options.bundle, options.config_file);
  for (const std::string& warning : check_valid(bundle.spec)) log::warning(warning);
  // Where it leads: the kernel has one errno for all that can be wrong with the target of a mount.
  bundle.rootfs = with_context("root.path", [&] { return absolute_directory(bundle.rootfs); });
  return bundle;
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
  const std::string subgroup = oci::annotation(spec.annotations, oci::kSystemdSubgroup);
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
                                       .systemd_subgroup = subgroup,
                                       .rootless = options.rootless},
                                      proc),
                .rdt = plan_rdt(spec.linux.intel_rdt, options.container.id, proc),
                .no_new_keyring = options.no_new_keyring,
                .stdio = stdio_of(options, spec, proc),
                .poststart = spec.hooks.poststart,
                .poststop = spec.hooks.poststop};
}

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

// They are told "created", as the specification's own test suite asks and crun says: step 2 of the lifecycle,
// of which "creating" speaks (runtime.md, State), is over when the first hook runs.
void run_runtime_hooks(const oci::Hooks& hooks, const Record& record, pid_t pid,
                       PoststopOnFailure& poststop) {
  poststop.arm();
  const oci::State state = hook_state(record, oci::Status::kCreated, pid);
  run_hooks("prestart", hooks.prestart, state);
  run_hooks("createRuntime", hooks.create_runtime, state);
}

void lend_network_devices(const oci::Linux& linux, UniqueFd network_namespace, LentDevices& lent) {
  lent.emplace(std::move(network_namespace));
  // First those that want one name: the kernel gives the others what is left.
  for (const bool any_number : {false, true})
    for (const auto& [name, device] : linux.net_devices)
      if (device.name.ends_with("%d") == any_number) lent->move(name, device.name);
}

void announce_pidfd(const CreateOptions& options, const Record& record, int pidfd) {
  if (!options.pidfd_socket.empty()) send_pidfd(options.pidfd_socket, pidfd, "standard");
  const std::string path = oci::annotation(record.annotations, oci::kPidfdReceiver);
  if (!path.empty()) send_pidfd(path, pidfd, record.id);
}

}  // namespace crunlite::runtime
