// SPDX-License-Identifier: Apache-2.0
#include "runtime/status.h"

#include "base/error.h"
#include "base/log.h"
#include "runtime/runtime.h"
#include "runtime/start_gate.h"

namespace crunlite::runtime {
namespace {

// By number: a name would need NSS, which a static program must not load.
std::string owner_of(const StateDir& dir) {
  const uid_t uid = check(sys::fstat(dir.fd()), "stat ", dir.path()).st_uid;
  return uid == 0 ? "root" : cat("#", uid);
}

}  // namespace

Situation situation_of(const StateDir& dir, const Record& record, const Proc& proc) {
  if (record.phase == Record::Phase::kCreating) {
    // A create that was killed holds no lock any more: what it left can only be deleted.
    return {.status = dir.busy() ? oci::Status::kCreating : oci::Status::kStopped};
  }
  std::optional<UniqueFd> init = open_if_alive(proc, record.init);
  if (!init) return {.status = oci::Status::kStopped};
  const bool waiting = StartGate::waiting(dir.fd());
  const oci::Status status = is_frozen(record.cgroup) ? oci::Status::kPaused
                             : waiting                ? oci::Status::kCreated
                                                      : oci::Status::kRunning;
  return {.status = status, .init = std::move(init)};
}

oci::State hook_state(const Record& record, oci::Status status, pid_t pid) {
  return oci::State{.oci_version = record.oci_version,
                    .id = record.id,
                    .status = status,
                    .pid = pid,
                    .bundle = record.bundle,
                    .annotations = record.annotations};
}

oci::State full_state(const Record& record, const Situation& situation) {
  oci::State out = hook_state(record, situation.status, situation.init ? record.init.pid : 0);
  out.rootfs = record.rootfs;
  out.created = record.created;
  if (record.cgroup.systemd) out.systemd_scope = record.cgroup.systemd->name;
  return out;
}

const Proc& open_proc() {
  static const Proc proc = check(Proc::open(), "open procfs");
  return proc;
}

oci::State state(const Ref& container) {
  const StateDir dir = StateDir::open(container);
  const Record record = dir.read();
  return full_state(record, situation_of(dir, record, open_proc()));
}

std::vector<oci::State> list(const std::string& root) {
  std::vector<oci::State> out;
  const std::vector<std::string> ids = list_ids(root);
  if (ids.empty()) return out;
  const Proc& proc = open_proc();
  for (const std::string& id : ids) {
    try {
      // Deleted since we listed, or reserved a moment ago.
      const std::optional<StateDir> dir = StateDir::find({.root = root, .id = id});
      if (!dir) continue;
      const Record record = dir->read();
      out.push_back(full_state(record, situation_of(*dir, record, proc)));
      out.back().owner = owner_of(*dir);
    } catch (const Error& error) {
      log::warning(cat("container ", printable(id), ": ", error.what()));
    }
  }
  return out;
}

}  // namespace crunlite::runtime
