// SPDX-License-Identifier: Apache-2.0
// The one call that the step of the child and, for a successor, its parent make: see scheduled_by_parent().
#pragma once

#include "base/result.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

// `pid` 0 is the caller: sched_setattr(2).
sys::Status apply_scheduler(pid_t pid, const SchedulerPlan& scheduler);

}  // namespace crunlite::runtime
