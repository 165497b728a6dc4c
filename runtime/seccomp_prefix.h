// SPDX-License-Identifier: Apache-2.0
// The instructions in front of libseccomp's program, for what libseccomp 2.5 cannot express: ENOSYS for
// system calls newer than the profile, and i386's socketcall where single socket calls are filtered by
// argument.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

// `architectures` are libseccomp's tokens, the native one included. `denied` is the default action's return
// value for the kernel. May be empty.
std::vector<sock_filter> seccomp_prefix(const oci::Seccomp& profile,
                                        const std::vector<uint32_t>& architectures, uint32_t denied);

}  // namespace crunlite::runtime
