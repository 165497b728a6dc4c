// SPDX-License-Identifier: Apache-2.0
// linux.seccomp to the BPF program that the kernel takes, and a cache for it: libseccomp needs 2 to 20 ms for
// a default profile. Loading the program is the child's work (runtime/init); writing profiles is engine/'s.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

struct SeccompProgram {
  std::vector<sock_filter> instructions;
  unsigned flags = 0;  // for seccomp(2): SECCOMP_FILTER_FLAG_*
};

// Throws Error(kConfig) for an architecture, flag or argument it does not know: never a smaller filter than
// was asked for. Names of system calls that libseccomp does not know are skipped (runtime-spec). A call newer
// than every name in the profile is answered with ENOSYS, so that the C library falls back.
// SCMP_ACT_NOTIFY is Error(kUnsupported).
SeccompProgram compile_seccomp(const oci::Seccomp& profile);

// The same from `cache_dir` if it is there (made 0700 if not). The cache only saves time: whatever is wrong
// with it, the program is compiled again.
SeccompProgram compile_seccomp_cached(const oci::Seccomp& profile, const std::string& cache_dir);

// What `features` reports: the names that compile_seccomp() takes.
std::vector<std::string> seccomp_architecture_names();
std::vector<std::string> seccomp_flag_names();

}  // namespace crunlite::runtime
