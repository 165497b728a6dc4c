// SPDX-License-Identifier: Apache-2.0
// linux.seccomp to the BPF program that the kernel takes, and a cache for it: libseccomp needs 2 to 20 ms for
// a default profile. Loading the program is the child's work (runtime/init); writing profiles is engine/'s.
#pragma once

#include <linux/filter.h>

#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

struct SeccompProgram {
  std::vector<sock_filter> instructions;
  unsigned flags = 0;  // for seccomp(2): SECCOMP_FILTER_FLAG_*
  // With SCMP_ACT_NOTIFY there are two programs, which together do what the profile says: this one only
  // notifies and is loaded first, so that its listener can be handed over by calls that the other might deny.
  // No instructions: nothing is notified.
  std::vector<sock_filter> notifying;
  unsigned notifying_flags = 0;
};

// Throws Error(kConfig) for an architecture, flag or argument it does not know: never a smaller filter than
// was asked for. Names of system calls that libseccomp does not know are skipped (runtime-spec). A call newer
// than every name in the profile is answered with ENOSYS, so that the C library falls back.
SeccompProgram compile_seccomp(const oci::Seccomp& profile);

// The same from `cache_dir` if it is there (made 0700 if not). The cache only saves time: whatever is wrong
// with it, the program is compiled again.
SeccompProgram compile_seccomp_cached(const oci::Seccomp& profile, const std::string& cache_dir);

// A program for seccomp(2) as it stands, encoded as base64 (run.oci.seccomp_bpf_data). Throws Error(kConfig).
SeccompProgram seccomp_from_bpf(std::string_view base64);

// Throws Error(kConfig) with the first name of a system call that libseccomp does not know.
void require_known_calls(const oci::Seccomp& profile);

// Some rule notifies of this call.
bool notifies(const oci::Seccomp& profile, std::string_view call);

// What `features` reports: the names that compile_seccomp() takes; the flags that this kernel has, too; and
// which libseccomp ("2.5.4").
std::vector<std::string> seccomp_architecture_names();
std::vector<std::string> seccomp_flag_names();
std::vector<std::string> supported_seccomp_flag_names();
std::string libseccomp_version();

}  // namespace crunlite::runtime
