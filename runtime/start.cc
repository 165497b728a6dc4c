// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <chrono>

#include "base/error.h"
#include "runtime/hooks.h"
#include "runtime/notify_socket.h"
#include "runtime/runtime.h"
#include "runtime/start_gate.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

void require_created(oci::Status status) {
  switch (status) {
    case oci::Status::kCreated:
      return;
    case oci::Status::kStopped:
      throw Error(ErrorKind::kState, "cannot start a container that has stopped");
    case oci::Status::kCreating:
      throw Error(ErrorKind::kState, "cannot start a container that is still being created");
    case oci::Status::kPaused:
      throw Error(ErrorKind::kState, "cannot start a container in the paused state");
    case oci::Status::kRunning:
      throw Error(ErrorKind::kState, "cannot start an already running container");
  }
}

// After a start that failed the container is stopped, not about to stop: containerd deletes it in the same
// moment, and refuses while it still is "created". The init ends right after it has said why; its end is what
// poll waits for, and a caller that is its parent has been told by then.
void wait_for_end(const Situation& container) {
  constexpr std::chrono::milliseconds kPatience{5000};
  if (!container.init) return;
  pollfd end{container.init->get(), POLLIN, 0};
  (void)::poll(&end, 1, static_cast<int>(kPatience.count()));
}

}  // namespace

void start(const Ref& container, const std::string& notify_socket) {
  StateDir dir = StateDir::open(container);
  const Proc& proc = open_proc();
  // Of many starts at once, one finds it created. While it is being created the answer is no, not later.
  if (!dir.try_lock()) {
    require_created(situation_of(dir, dir.read(), proc).status);
    dir.lock();
  }
  if (dir.gone()) throw Error(ErrorKind::kNotFound, "container does not exist");
  const Record record = dir.read();
  const Situation now = situation_of(dir, record, proc);
  require_created(now.status);
  NotifySocket notify(dir.fd(), notify_socket, MainPid::kTell);
  try {
    with_context("unable to start container process", [&] { StartGate::open(dir.fd()); });
  } catch (const Error&) {
    wait_for_end(now);
    throw;
  }
  // A hook may call us: it must not find the container locked.
  dir.unlock();
  try {
    run_hooks("poststart", record.poststart, hook_state(record, oci::Status::kRunning, record.init.pid));
  } catch (const Error&) {
    (void)sys::pidfd_send_signal(now.init->get(), SIGKILL);
    wait_for_end(now);
    throw;
  }
  notify.wait(record.init.pid, now.init->get());
}

}  // namespace crunlite::runtime
