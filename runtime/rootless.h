// SPDX-License-Identifier: Apache-2.0
// What somebody without privileges may do about the id maps of a new user namespace (user_namespaces(7)): map
// his own id himself, and have newuidmap and newgidmap map those that /etc/subuid and /etc/subgid give him.
// Cgroups without privileges are runtime/cgroup/'s affair.
#pragma once

#include <sys/types.h>

#include "base/proc.h"
#include "oci/spec.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

// We may not write every map.
bool is_unprivileged();

// The kernel lets us map our own group only when setgroups(2) is denied in the namespace.
bool must_deny_setgroups(const oci::Linux& linux);

// Writes the maps of `pid`, by the programs of the host where we may not. Throws Error that says which map,
// why, and what to do.
void write_id_maps_unprivileged(const Proc& proc, pid_t pid, const InitPlan& plan);

}  // namespace crunlite::runtime
