// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/join.h"

#include <sched.h>

namespace crunlite::runtime {
namespace {

using sys::Status;

Status join(NamespaceJoin& ns, Note& note) {
  note.set(ns.path);
  Status st = sys::setns(ns.fd.get(), ns.type);
  if (st.ok()) ns.fd.reset();
  return st;
}

// A container's user namespace owns most of its namespaces, but not those that somebody else had made for it
// (a network, a pod's): those can be joined only with the privileges from before.
Status join_with_own_privileges(std::vector<NamespaceJoin>& list, Note& note) {
  for (NamespaceJoin& ns : list) {
    if (ns.type == CLONE_NEWUSER) continue;
    Status st = join(ns, note);
    if (!st.ok() && st.error() != EPERM) return st;
  }
  return sys::kOk;
}

}  // namespace

Status join_all(std::vector<NamespaceJoin>& list, Note& note) {
  if (!list.empty() && list.front().type == CLONE_NEWUSER)
    if (Status st = join_with_own_privileges(list, note); !st.ok()) return st;
  for (NamespaceJoin& ns : list) {
    if (!ns.fd.valid()) continue;
    if (Status st = join(ns, note); !st.ok()) return st;
  }
  return sys::kOk;
}

}  // namespace crunlite::runtime
