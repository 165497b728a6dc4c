// SPDX-License-Identifier: Apache-2.0
// `delete`. With --force it works from whatever is there: a whole record, a half-made container, a damaged
// record (then the cgroups are found by the mark they carry, the init by its note), or nothing at all; any
// number of them may run at once.
#include <poll.h>

#include "base/error.h"
#include "base/log.h"
#include "rootfs/attached_root.h"
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

// A killed process that is still there after this long hangs in the kernel.
constexpr std::chrono::seconds kPatience{10};

Error no_such_container() {
  return Error(ErrorKind::kNotFound, "container does not exist");
}

void kill_and_wait(const std::optional<UniqueFd>& process, const std::string& id) {
  if (!process) return;
  (void)sys::pidfd_send_signal(process->get(), SIGKILL);
  pollfd end{process->get(), POLLIN, 0};
  const std::chrono::milliseconds patience = kPatience;
  if (::poll(&end, 1, static_cast<int>(patience.count())) == 0)
    throw Error(ErrorKind::kSystem, "container ", id, " does not end after SIGKILL");
}

// The record, or what stands in for it when it is damaged or was never written.
Record read_or_discover(const StateDir& dir, const Ref& container, const Proc& proc) {
  Record record;
  try {
    record = dir.read();
  } catch (const Error& error) {
    log::warning(error.what());
    record = {.id = container.id, .cgroup = discover_cgroup(container.id, dir.path(), proc)};
  }
  if (record.init.pid == 0) record.init = dir.noted_init().value_or(ProcessId{});
  return record;
}

void end_processes(const Record& record, Cgroup& cgroup, const Proc& proc) {
  const std::optional<UniqueFd> init = open_if_alive(proc, record.init);
  // First the whole cgroup: that also thaws it, and a frozen process does not die.
  cgroup.kill_all(SIGKILL);
  kill_and_wait(init, record.id);
}

void require_deletable(oci::Status status, const std::string& id) {
  // A created container has not run anything of the user's yet: callers delete it without --force.
  if (status == oci::Status::kStopped || status == oci::Status::kCreated) return;
  throw Error(ErrorKind::kState, "cannot delete container ", id,
              " that is not stopped: ", oci::name_of(status))
      .with_remedy("stop it with `kill`, or use `delete --force`");
}

// With the lock held.
void destroy(StateDir& dir, const Record& record, const Proc& proc) {
  Cgroup cgroup = Cgroup::open(record.cgroup);
  end_processes(record, cgroup, proc);
  if (record.root_mount != 0 && !rootfs::detach_root(record.rootfs, record.root_mount))
    log::warning(cat("the mount of ", record.rootfs, " is not there any more, or lies below another one"));
  cgroup.remove();
  remove_rdt(record.rdt);
  dir.remove();
  run_poststop_hooks(record.poststop, hook_state(record, oci::Status::kStopped, 0));
}

void remove_stopped(StateDir& dir, const Ref& container) {
  const Proc& proc = open_proc();
  // While it is being created or started the answer is no, not later.
  if (!dir.try_lock()) {
    require_deletable(situation_of(dir, dir.read(), proc).status, container.id);
    dir.lock();
  }
  if (dir.gone()) throw no_such_container();
  const Record record = dir.read();
  require_deletable(situation_of(dir, record, proc).status, container.id);
  destroy(dir, record, proc);
}

// A create or start that is under way fails when its init dies, undoes its part and lets go of the lock.
void interrupt(StateDir& dir, const Ref& container, const Proc& proc) {
  const Record record = read_or_discover(dir, container, proc);
  Cgroup cgroup = Cgroup::open(record.cgroup);
  end_processes(record, cgroup, proc);
  if (!dir.lock_within(kPatience))
    throw Error(ErrorKind::kState, "another command still works on container ", container.id);
}

void remove_by_force(StateDir& dir, const Ref& container) {
  const Proc& proc = open_proc();
  if (!dir.try_lock()) interrupt(dir, container, proc);
  if (dir.gone()) return;  // another `delete --force` was faster
  destroy(dir, read_or_discover(dir, container, proc), proc);
}

}  // namespace

void remove(const Ref& container, Force force) {
  std::optional<StateDir> dir = StateDir::find(container);
  if (!dir && force == Force::kNo) throw no_such_container();
  if (!dir) return;
  if (force == Force::kNo) return remove_stopped(*dir, container);
  remove_by_force(*dir, container);
}

}  // namespace crunlite::runtime
