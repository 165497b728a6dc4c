// SPDX-License-Identifier: Apache-2.0
// Error's vtable lives here, so that it is emitted once.
#include "base/error.h"

namespace crunlite {

static_assert(std::is_nothrow_destructible_v<Error>);

}  // namespace crunlite
