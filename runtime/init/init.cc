// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/init.h"

#include "runtime/init/steps.h"

namespace crunlite::runtime {
namespace {

struct Step {
  const char* name;  // reads well before the note: "mount proc on /proc: Operation not permitted"
  sys::Status (*run)(Init&);
};

constexpr Step kSteps[] = {
    {"mark descriptors close-on-exec", steps::close_descriptors},
    {"use standard stream", steps::adopt_stdio},
    {"reset signal dispositions", steps::reset_signals},
    {"arrange to end with the parent", steps::die_with_parent},
    {"start a session", steps::start_session},

    {"join namespace", steps::join_namespaces},
    {"continue in the user namespace", steps::continue_in_user_namespace},
    {"set time offsets", steps::set_time_offsets},
    {"wait for the id maps", steps::wait_for_id_maps},
    {"become root of the user namespace", steps::become_root},
    {"hide from the container's processes", steps::hide_from_container},
    {"join session keyring", steps::join_keyring},

    {"set propagation of", steps::set_propagation},
    {"prepare root", steps::prepare_root},
    {"mount", steps::mount_first},
    {"wait for the cgroup", steps::wait_for_cgroup},
    {"create namespace", steps::unshare_late},
    {"mount", steps::mount_rest},
    {"create device", steps::make_devices},
    {"create link", steps::make_links},
    {"set hostname", steps::set_hostname},
    {"set domainname", steps::set_domainname},
    {"bring up network device", steps::bring_up_loopback},
    {"write sysctl", steps::write_sysctls},
    {"run prestart and createRuntime hooks", steps::run_runtime_hooks},
    {"error running createContainer hook", steps::run_create_container_hooks},
    {"enter root", steps::enter_root},
    {"set up the terminal", steps::set_up_console},
    {"make read-only", steps::make_paths_read_only},
    {"mask", steps::mask_paths},
    {"make read-only", steps::finish_read_only},

    {"replace standard stream", steps::replace_null_stdio},
    {"own standard stream", steps::own_stdio},
    {"apply AppArmor profile", steps::apply_apparmor},
    {"apply SELinux label", steps::apply_selinux},
    {"look up the home directory", steps::look_up_home},
    {"set rlimit", steps::raise_rlimits},
    {"set scheduler", steps::set_scheduler},
    {"set I/O priority", steps::set_io_priority},
    {"set memory policy", steps::set_memory_policy},
    {"set personality", steps::set_personality},
    {"drop from the bounding set", steps::drop_bounding},
    {"change to directory", steps::enter_working_directory},
    {"set groups", steps::set_groups},
    {"set user", steps::set_user},
    {"set capabilities", steps::set_capabilities},
    {"hide from the container's processes", steps::hide_from_container},
    {"change to directory", steps::verify_working_directory},
    {"set no_new_privs", steps::set_no_new_privileges},
    {"set umask", steps::set_umask},
    {"find", steps::find_executable},
    {"load seccomp filter", steps::load_seccomp_before_entering},
    {"enter the pid namespace", steps::enter_pid_namespace},
    {"tell the process its pid", steps::tell_listen_pid},
    {"close descriptors", steps::close_what_is_not_needed},
    {"load seccomp filter with a listener", steps::load_notifying_filter},
    {"report readiness", steps::report_ready},

    {"wait for start", steps::wait_for_start},
    {"there is nothing to start:", steps::require_program},
    {"error running startContainer hook", steps::run_start_container_hooks},
    {"set rlimit", steps::lower_rlimits},
    {"load seccomp filter", steps::load_seccomp},
    {"execute", steps::execute},
};

constexpr int exit_code(FailureKind kind) {
  switch (kind) {
    case FailureKind::kNotFound:
      return 127;
    case FailureKind::kNotExecutable:
      return 126;
    case FailureKind::kSystem:
    case FailureKind::kExplained:
      break;
  }
  return 1;
}

[[noreturn]] void fail(Init& init, const char* step, sys::Status status) {
  Frame frame;
  frame.msg = Msg::kFailed;
  frame.kind = init.failure;
  frame.error = frame.kind == FailureKind::kSystem ? status.error() : 0;
  FixedText<sizeof frame.text> text;
  const bool in_step = frame.kind == FailureKind::kSystem || frame.kind == FailureKind::kExplained;
  if (in_step) text.add(std::string_view(step), init.note.empty() ? "" : " ");
  text.add(init.note.view());
  std::memcpy(frame.text, text.c_str(), text.view().size());
  const int listener = init.starter.valid() ? init.starter.get() : init.channel.get();
  (void)sys::send_with_fd(listener, &frame, sizeof frame, -1);
  _exit(exit_code(init.failure));
}

}  // namespace

void run_init(InitPlan& plan, UniqueFd channel) {
  Init init{.plan = plan, .channel = std::move(channel)};
  for (const Step& step : kSteps) {
    init.note.clear();
    if (sys::Status st = step.run(init); !st.ok()) fail(init, step.name, st);
  }
  _exit(1);  // not reached: the last step executes the program or fails
}

sys::Status open_proc(Init& init) {
  if (init.has_proc) return sys::kOk;
  sys::Result<Proc> proc = Proc::open();
  if (!proc.ok()) return proc.status();
  init.proc = std::move(*proc);
  init.has_proc = true;
  return sys::kOk;
}

}  // namespace crunlite::runtime
