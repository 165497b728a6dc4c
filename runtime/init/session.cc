// SPDX-License-Identifier: Apache-2.0
// What a new process inherits from its caller and a container must not: descriptors, signal state, session,
// keyring.
#include <dirent.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "runtime/init/signals.h"
#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

constexpr unsigned kFirstDescriptor = 3;
constexpr int kLastSignal = 64;

// Before Linux 5.11, and in sandboxes: by the list that procfs has of them.
Status close_one_by_one(Init& init, unsigned first) {
  if (Status st = open_proc(init); !st.ok()) return st;
  sys::Result<UniqueFd> list = init.proc.open_file("self/fd", O_RDONLY | O_DIRECTORY);
  if (!list.ok()) return list.status();
  alignas(dirent64) char buffer[4096];
  for (;;) {
    sys::Result<size_t> got = sys::get_dents(list->get(), buffer, sizeof buffer);
    if (!got.ok()) return got.status();
    if (*got == 0) return sys::kOk;
    for (size_t at = 0; at < *got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      const std::optional<unsigned> fd = parse_number<unsigned>(entry->d_name);
      if (!fd || *fd < first) continue;
      if (Status st = sys::set_cloexec(static_cast<int>(*fd), true); !st.ok()) return st;
    }
  }
}

// /proc/PID/environ is this memory.
void forget_environment() {
  for (char** variable = environ; variable && *variable; ++variable)
    ::explicit_bzero(*variable, std::strlen(*variable));
}

}  // namespace

Status close_descriptors(Init& init) {
  // A leaked descriptor of a host directory is an escape (CVE-2024-21626): whatever the caller had open ends
  // with execve. What we open ourselves is close-on-exec from birth.
  const unsigned first = kFirstDescriptor + init.plan.preserved_fds;
  Status st = sys::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC);
  if (st.error() == ENOSYS || st.error() == EINVAL || st.error() == EPERM) st = close_one_by_one(init, first);
  for (unsigned fd = kFirstDescriptor; st.ok() && fd < first; ++fd) {
    init.note.set(static_cast<unsigned long>(fd));
    st = sys::set_cloexec(static_cast<int>(fd), false);
  }
  return st;
}

Status close_what_is_not_needed(Init& init) {
  // Until `start` comes the init waits inside the container: to whoever can look at it there, what the
  // runtime and its caller have open (records, cgroups, files of the host) is a way out (CVE-2024-21626), and
  // the caller's environment may hold what is nobody else's business.
  forget_environment();
  int kept[] = {init.channel.get(),
                init.plan.gate.get(),
                init.root.fd(),
                init.has_proc ? init.proc.fd() : -1,
                init.plan.hook_stdout.get(),
                init.plan.hook_stderr.get()};
  std::ranges::sort(kept);
  unsigned next = kFirstDescriptor + init.plan.preserved_fds;
  for (const int fd : kept) {
    const unsigned number = static_cast<unsigned>(fd);
    if (fd < 0 || number < next) continue;
    // Where it is not allowed, execve does the rest.
    if (number > next) (void)sys::close_range(next, number - 1, 0);
    next = number + 1;
  }
  (void)sys::close_range(next, ~0U, 0);
  return sys::kOk;
}

Status adopt_stdio(Init& init) {
  for (int target = 0; target < 3; ++target) {
    const int fd = init.plan.stdio[target];
    init.note.set(static_cast<unsigned long>(target));
    if (fd == target) continue;
    if (Status st = sys::dup2(fd, target); !st.ok()) return st;
  }
  return sys::kOk;
}

Status reset_signals(Init&) {
  // execve resets handlers but neither ignored signals nor the mask.
  const uint64_t none = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none) == -1) return sys::fail();
  for (int signal = 1; signal <= kLastSignal; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (Status st = set_disposition(signal, SIG_DFL); !st.ok()) return st;
  }
  return sys::kOk;
}

Status die_with_parent(Init&) {
  return sys::set_parent_death_signal(SIGKILL);
}

Status start_session(Init& init) {
  if (init.plan.namespaces.pid_by_successor) return sys::kOk;  // the successor makes its own
  // A terminal of the caller's session would take input from the container (TIOCSTI, CVE-2017-5226).
  return ::syscall(SYS_setsid) == -1 ? sys::fail() : sys::kOk;
}

Status join_keyring(Init& init) {
  if (init.plan.keyring.empty()) return sys::kOk;
  init.note.set(init.plan.keyring);
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, init.plan.keyring.c_str()) != -1) return sys::kOk;
  // Full quota or no key service (also in sandboxes): the container starts, as with runc and crun.
  if (errno == EDQUOT || errno == ENOSYS || errno == EPERM) return sys::kOk;
  return sys::fail();
}

}  // namespace crunlite::runtime::steps
