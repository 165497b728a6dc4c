// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

// The end of the first process of a pid namespace is the end of all in it. Where there is none of the
// container's own, the others would be left over: whoever says KILL means the container.
bool outlives_its_init(const StateDir& dir) {
  const auto is_own = [](const oci::Namespace& ns) {
    return ns.type == oci::NamespaceType::kPid && ns.path.empty();
  };
  try {
    return std::ranges::none_of(dir.config().linux.namespaces, is_own);
  } catch (const Error&) {
    return false;  // a damaged copy of config.json keeps nobody from being killed
  }
}

}  // namespace

void kill(const Ref& container, int signal, Whom whom) {
  const StateDir dir = StateDir::open(container);
  const Record record = dir.read();
  const Situation now = situation_of(dir, record, open_proc());
  if (whom == Whom::kAll) {
    // Also when the init has ended: without a pid namespace of their own the other processes may live on.
    Cgroup::open(record.cgroup).kill_all(signal);
    return;
  }
  bool others = false;
  if (signal == SIGKILL && outlives_its_init(dir)) {
    Cgroup cgroup = Cgroup::open(record.cgroup);
    others = !cgroup.processes().empty();
    cgroup.kill_all(SIGKILL);
  }
  const sys::Status sent = now.init ? sys::pidfd_send_signal(now.init->get(), signal) : sys::Status(ESRCH);
  if (sent.error() == ESRCH && others) return;
  if (sent.error() == ESRCH) throw Error(ErrorKind::kState, "container not running");
  check(sent, "send signal ", signal, " to container ", container.id);
  // A frozen process of cgroup v1 dies only when it runs again. Other signals wait for `resume`.
  if (signal == SIGKILL && now.status == oci::Status::kPaused) Cgroup::open(record.cgroup).thaw();
}

}  // namespace crunlite::runtime
