// SPDX-License-Identifier: Apache-2.0
// `pause` and `resume`: every process of the container stands still, or goes on where it was.
#include "base/error.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

struct Found {
  Record record;
  oci::Status status = oci::Status::kStopped;
};

Found find(const Ref& container) {
  const StateDir dir = StateDir::open(container);
  Record record = dir.read();
  const oci::Status status = situation_of(dir, record, open_proc()).status;
  return {std::move(record), status};
}

}  // namespace

void pause(const Ref& container) {
  const Found found = find(container);
  switch (found.status) {
    case oci::Status::kCreated:
    case oci::Status::kRunning:
      break;
    case oci::Status::kPaused:
      throw Error(ErrorKind::kState, "container not running: it is already paused");
    case oci::Status::kCreating:
    case oci::Status::kStopped:
      throw Error(ErrorKind::kState, "container not running");
  }
  with_context(cat("pause container ", container.id), [&] { Cgroup::open(found.record.cgroup).freeze(); });
}

void resume(const Ref& container) {
  const Found found = find(container);
  if (found.status != oci::Status::kPaused) throw Error(ErrorKind::kState, "container not paused");
  with_context(cat("resume container ", container.id), [&] { Cgroup::open(found.record.cgroup).thaw(); });
}

}  // namespace crunlite::runtime
