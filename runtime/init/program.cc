// SPDX-License-Identifier: Apache-2.0
// The end of the way: the program is found, readiness reported, the start awaited, and the program executed.
#include <sys/syscall.h>

#include "runtime/init/executable.h"
#include "runtime/init/home.h"
#include "runtime/init/hook.h"
#include "runtime/init/signals.h"
#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

using sys::Result;

// A peer that connects and goes away without a word only looked whether we wait (StartGate::waiting).
Result<UniqueFd> wait_at_gate(int gate) {
  for (;;) {
    Result<UniqueFd> connection = sys::accept(gate, 0);
    if (connection.error() == ECONNABORTED || connection.error() == EINTR) continue;
    if (!connection.ok()) return connection;
    Frame frame;
    if (receive_message(connection->get(), frame).ok() && frame.msg == Msg::kStart) return connection;
  }
}

[[noreturn]] void end_by_signal(int signal) {
  _exit(128 + signal);
}

// The first process of a pid namespace gets no signal that it has no handler for (pid_namespaces(7)): a
// created container would be deaf to all but KILL. execve takes the handlers away again.
Status listen_to_signals() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM})
    if (Status st = set_disposition(signal, end_by_signal); !st.ok()) return st;
  return sys::kOk;
}

// Into the next spare slot.
void add_variable(Init& init, const char* text) {
  char** slot = &init.plan.env.pointers[init.plan.env.owned.size()];
  while (*slot) ++slot;
  *slot = const_cast<char*>(text);
}

}  // namespace

Status look_up_home(Init& init) {
  if (!init.plan.look_up_home) return sys::kOk;
  find_home(init.root, init.plan.uid, init.home);
  add_variable(init, init.home.c_str());
  return sys::kOk;
}

Status tell_listen_pid(Init& init) {
  if (!init.plan.tell_listen_pid) return sys::kOk;
  init.listen_pid.set("LISTEN_PID=", static_cast<unsigned long>(::syscall(SYS_getpid)));
  add_variable(init, init.listen_pid.c_str());
  return sys::kOk;
}

Status find_executable(Init& init) {
  return init.plan.args.owned.empty() ? sys::kOk : find_executable_in_container(init);
}

Status report_ready(Init& init) {
  // From now on the container outlives its creator.
  const int signal = init.plan.ends_with_parent ? SIGKILL : 0;
  if (Status st = sys::set_parent_death_signal(signal); !st.ok()) return st;
  return send_message(init.channel.get(), Msg::kReady);
}

Status wait_for_start(Init& init) {
  if (init.plan.gate.valid()) {
    init.channel.reset();
    if (Status st = listen_to_signals(); !st.ok()) return st;
    Result<UniqueFd> starter = wait_at_gate(init.plan.gate.get());
    if (!starter.ok()) return starter.status();
    init.starter = std::move(*starter);
    return sys::kOk;
  }
  Frame frame;
  if (Status st = receive_message(init.channel.get(), frame); !st.ok()) return st;
  return frame.msg == Msg::kStart ? sys::kOk : Status(EBADMSG);
}

// runtime.md, Start: an error "if `process` was not set".
Status require_program(Init& init) {
  if (!init.plan.args.owned.empty()) return sys::kOk;
  init.failure = FailureKind::kExplained;
  init.note.set("config.json has no process");
  return Status(EINVAL);
}

Status run_start_container_hooks(Init& init) {
  return run_hooks(init, init.plan.start_container);
}

Status execute(Init& init) {
  ::execve(init.executable.c_str(), init.plan.args.pointers.data(), init.plan.env.pointers.data());
  return explain_exec_failure(init, errno);
}

}  // namespace crunlite::runtime::steps
