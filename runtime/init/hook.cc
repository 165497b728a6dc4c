// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/hook.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/init/filter.h"
#include "runtime/init/signals.h"

namespace crunlite::runtime {
namespace {

using sys::Result;
using sys::Status;

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// A hook that has been started, and when it has to be done. Killed and reaped on every way out.
class RunningHook {
 public:
  RunningHook(UniqueFd pidfd, UniqueFd input, int timeout_ms)
      : pidfd_(std::move(pidfd)),
        input_(std::move(input)),
        deadline_(timeout_ms < 0 ? -1 : now_ms() + timeout_ms) {}
  RunningHook(const RunningHook&) = delete;
  RunningHook& operator=(const RunningHook&) = delete;
  ~RunningHook() {
    if (!pidfd_.valid()) return;
    (void)sys::pidfd_send_signal(pidfd_.get(), SIGKILL);
    (void)sys::wait_pidfd(pidfd_.get());
  }

  // A hook need not read its input: writing stops when it ends.
  Status feed(std::string_view text) {
    while (!text.empty()) {
      Result<bool> can_write = wait_for_end_or(input_.get());
      if (!can_write.ok()) return can_write.status();
      if (!*can_write) return sys::kOk;
      Result<size_t> written = sys::write(input_.get(), text.data(), text.size());
      if (written.error() == EPIPE) return sys::kOk;
      if (!written.ok()) return written.status();
      text.remove_prefix(*written);
    }
    return sys::kOk;
  }

  Result<sys::Exit> finish() {
    input_.reset();
    Result<bool> done = wait_for_end_or(-1);
    if (!done.ok()) return done.status();
    Result<sys::Exit> exit = sys::wait_pidfd(pidfd_.get());
    if (exit.ok()) pidfd_.reset();
    return exit;
  }

 private:
  // True when `fd` can be written, false when the hook has ended, ETIMEDOUT.
  Result<bool> wait_for_end_or(int fd) {
    pollfd watched[] = {{pidfd_.get(), POLLIN, 0}, {fd, POLLOUT, 0}};
    for (;;) {
      const int64_t left = deadline_ < 0 ? -1 : deadline_ - now_ms();
      if (deadline_ >= 0 && left <= 0) return Status(ETIMEDOUT);
      const int ready = ::poll(watched, 2, static_cast<int>(left));
      if (ready == -1 && errno != EINTR) return sys::fail();
      if (ready > 0) return watched[1].revents != 0 && !(watched[0].revents & POLLIN);
    }
  }

  UniqueFd pidfd_;
  UniqueFd input_;
  int64_t deadline_;
};

// In the process of the hook; comes back when something fails.
void become(Init& init, const HookPhasePlan& phase, const HookPlan& hook, int input) {
  (void)set_disposition(SIGPIPE, SIG_DFL);
  if (!sys::dup2(input, 0).ok()) return;
  const InitPlan& plan = init.plan;
  if (plan.hook_stdout.valid() && !sys::dup2(plan.hook_stdout.get(), 1).ok()) return;
  if (plan.hook_stderr.valid() && !sys::dup2(plan.hook_stderr.get(), 2).ok()) return;
  const bool shared = phase.as_the_process && hook.env.owned.empty();
  const StringArray& env = shared ? plan.env : hook.env;
  if (phase.as_the_process && !load_filter(plan.seccomp).ok()) return;
  ::execve(hook.path.c_str(), hook.args.pointers.data(), env.pointers.data());
}

Result<UniqueFd> start(Init& init, const HookPhasePlan& phase, const HookPlan& hook, int input) {
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  Result<pid_t> pid = sys::clone3(args);
  if (sys::clone3_may_be_missing(pid.error())) pid = sys::clone_without_clone3(args);
  if (!pid.ok()) return pid.status();
  if (*pid) return UniqueFd(pidfd);
  become(init, phase, hook, input);
  _exit(127);
}

FixedText<24> number(pid_t pid) {
  FixedText<24> text;
  text.add(static_cast<unsigned long>(pid));
  return text;
}

Status run(Init& init, const HookPhasePlan& phase, const HookPlan& hook) {
  Result<sys::PipeEnds> input = sys::pipe();
  if (!input.ok()) return input.status();
  Result<UniqueFd> started = start(init, phase, hook, input->read.get());
  if (!started.ok()) return started.status();
  input->read.reset();
  if (::fcntl(input->write.get(), F_SETFL, O_NONBLOCK) == -1) return sys::fail();
  RunningHook running(std::move(*started), std::move(input->write), hook.timeout_ms);
  // The pid as this namespace sees it (runtime.md, State).
  const FixedText<24> pid = number(static_cast<pid_t>(::syscall(SYS_getpid)));
  Status st = running.feed(phase.state_head);
  if (st.ok()) st = running.feed(pid.view());
  if (st.ok()) st = running.feed(phase.state_tail);
  if (!st.ok()) return st;
  Result<sys::Exit> exit = running.finish();
  if (!exit.ok()) return exit.status();
  if (exit->code == CLD_EXITED && exit->status == 0) return sys::kOk;
  const auto status = static_cast<unsigned long>(exit->status);
  if (exit->code == CLD_EXITED)
    init.note.add(": exit status ", status);
  else
    init.note.add(": killed by signal ", status, " (", signal_text(exit->status).view(), ")");
  init.failure = FailureKind::kExplained;
  return Status(ECHILD);
}

}  // namespace

Status run_hooks(Init& init, const HookPhasePlan& phase) {
  if (phase.hooks.empty()) return sys::kOk;
  // A hook that does not read must not end us.
  if (Status st = set_disposition(SIGPIPE, SIG_IGN); !st.ok()) return st;
  for (size_t i = 0; i < phase.hooks.size(); ++i) {
    const HookPlan& hook = phase.hooks[i];
    init.note.set("#", i, ": ", hook.path);
    Status st = run(init, phase, hook);
    if (st.error() == ETIMEDOUT) {
      init.failure = FailureKind::kExplained;
      init.note.add(": did not end within ", static_cast<unsigned long>(hook.timeout_ms / 1000), " s");
    }
    if (!st.ok()) return st;
  }
  return set_disposition(SIGPIPE, SIG_DFL);
}

}  // namespace crunlite::runtime
