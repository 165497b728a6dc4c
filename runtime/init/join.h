// SPDX-License-Identifier: Apache-2.0
// Entering namespaces that exist already, which the parent has opened (runtime/joining.h). Allocates nothing:
// the child's code, of the container's processes and of the mounter alike.
#pragma once

#include <vector>

#include "base/note.h"
#include "base/sys.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

// All of the list, a user namespace at its front; each descriptor is closed when it has served. On failure
// `note` is the path of the one that it was.
sys::Status join_all(std::vector<NamespaceJoin>& list, Note& note);

}  // namespace crunlite::runtime
