// SPDX-License-Identifier: Apache-2.0
#include "runtime/foreground.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

// All that can be forwarded. A fault of our own must still end us, and SIGPIPE is about our own output.
sigset_t forwarded_signals() {
  sigset_t set;
  ::sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
    ::sigdelset(&set, fault);
  // What our caller ignores (nohup, `&` in a script) is not for the container either. Blocked, it would be
  // queued all the same (signal(7)); left alone, it is dropped by the kernel.
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    const bool ignored = ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (ignored && signal != SIGCHLD) ::sigdelset(&set, signal);
  }
  return set;
}

void handle_signal(int signal, const Child& init, const TerminalProxy* proxy) {
  switch (signal) {
    case SIGCHLD:
      (void)sys::reap_others(init.pid());
      return;
    case SIGWINCH:
      if (proxy) proxy->resize();
      return;
    case SIGPIPE:
      return;
    default:
      (void)sys::pidfd_send_signal(init.pidfd(), signal);
  }
}

}  // namespace

SignalQueue::SignalQueue() {
  const sigset_t set = forwarded_signals();
  if (::sigprocmask(SIG_BLOCK, &set, &before_) == -1) throw SysError(errno, "block signals");
  fd_ = check(sys::signal_fd(set), "signalfd");
}

SignalQueue::~SignalQueue() {
  (void)::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> SignalQueue::next() {
  signalfd_siginfo info{};
  const sys::Result<size_t> got = sys::read(fd_.get(), &info, sizeof info);
  if (!got.ok() || *got != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL) == -1) throw SysError(errno, "become a subreaper");
}

sys::Exit stay_with(Child& init, SignalQueue& signals, TerminalProxy* proxy, NotifySocket* notify) {
  for (;;) {
    std::vector<pollfd> events = proxy ? proxy->interest() : std::vector<pollfd>{};
    const size_t own = events.size();
    events.push_back({signals.fd(), POLLIN, 0});
    events.push_back({init.pidfd(), POLLIN, 0});
    events.push_back({notify ? notify->fd() : -1, POLLIN, 0});
    if (::poll(events.data(), events.size(), -1) == -1 && errno != EINTR)
      throw SysError(errno, "wait for the container");
    if (proxy) proxy->move(events);
    if (events[own].revents)
      if (const std::optional<int> signal = signals.next()) handle_signal(*signal, init, proxy);
    if (notify && events[own + 2].revents) notify->read(init.pid());
    if (events[own + 1].revents) break;
  }
  const sys::Exit exit = init.wait();
  if (proxy) proxy->finish();
  return exit;
}

}  // namespace crunlite::runtime
