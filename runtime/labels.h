// SPDX-License-Identifier: Apache-2.0
// Whether this machine can confine a process by AppArmor or SELinux at all. The labels are written by the
// child (runtime/init/process.cc), to whom the kernel would only say EINVAL.
#pragma once

#include <string>

#include "base/proc.h"

namespace crunlite::runtime {

// What the kernel has, found out by what it shows of itself.
bool has_apparmor();
bool has_selinux(const Proc& proc);

// Throws Error(kUnsupported) when one is wanted and not there. All may be empty.
void require_label_support(const std::string& apparmor, const std::string& selinux,
                           const std::string& mount_label, const Proc& proc);

}  // namespace crunlite::runtime
