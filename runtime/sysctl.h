// SPDX-License-Identifier: Apache-2.0
// linux.sysctl: which kernel parameters belong to a namespace and so may be set for one container. Every
// other one is the host's (CVE-2022-0811). Pure.
#pragma once

#include <string>

#include "runtime/init/plan.h"

namespace crunlite::runtime {

// "net.ipv4.ip_forward" or "net/ipv4/ip_forward" -> the file below procfs and the namespace it belongs to.
// On failure `problem` says why, and the result is empty.
Sysctl parse_sysctl(const std::string& key, const std::string& value, std::string& problem);

}  // namespace crunlite::runtime
