// SPDX-License-Identifier: Apache-2.0
// `update`: other limits for a container that exists.
#include "base/error.h"
#include "base/rollback.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {

void update(const Ref& container, const UpdateOptions& options) {
  const StateDir dir = StateDir::open(container);
  const Record record = dir.read();
  const oci::Status status = situation_of(dir, record, open_proc()).status;
  if (status == oci::Status::kStopped || status == oci::Status::kCreating)
    throw Error(ErrorKind::kState, "container not running");
  with_context(cat("update container ", container.id), [&] {
    Rollback undo;
    if (!options.rdt_schemata.empty()) {
      const std::string before = update_rdt(record.rdt, options.rdt_schemata);
      undo.on_failure([&record, before] { write_rdt_schemata(record.rdt, before); });
    }
    Cgroup::open(record.cgroup).update(options.resources);
    undo.commit();
  });
}

}  // namespace crunlite::runtime
