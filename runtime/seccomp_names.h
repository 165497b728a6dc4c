// SPDX-License-Identifier: Apache-2.0
// The seccomp vocabulary of the runtime-spec and what libseccomp and the kernel call it. One table each; the
// compiler, its messages and `features` read the same.
#pragma once

#include <linux/seccomp.h>
#include <seccomp.h>

#include <string_view>

#include "oci/spec.h"

// Newer than Debian 12's kernel headers (5.19).
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
// Newer than libseccomp 2.5.4.
#ifndef SCMP_ARCH_LOONGARCH64
#define SCMP_ARCH_LOONGARCH64 0
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K 0
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH 0
#endif
#ifndef SCMP_ARCH_SHEB
#define SCMP_ARCH_SHEB 0
#endif

namespace crunlite::runtime {

struct SeccompArchitecture {
  std::string_view name;
  uint32_t token;  // 0: this libseccomp has not got it, and so does not run on a kernel that has
};
inline constexpr SeccompArchitecture kSeccompArchitectures[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    {"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K", SCMP_ARCH_M68K},
    {"SCMP_ARCH_SH", SCMP_ARCH_SH},
    {"SCMP_ARCH_SHEB", SCMP_ARCH_SHEB},
};

struct SeccompFlag {
  std::string_view name;
  unsigned value;
  bool listener_only;  // the kernel refuses it for a filter without a listener, where it has no meaning
};
inline constexpr SeccompFlag kSeccompFlags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC, false},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG, false},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW, false},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, true},
};

struct SeccompComparison {
  oci::SeccompOperator op;
  scmp_compare compare;
};
inline constexpr SeccompComparison kSeccompComparisons[] = {
    {oci::SeccompOperator::kNotEqual, SCMP_CMP_NE},           {oci::SeccompOperator::kLess, SCMP_CMP_LT},
    {oci::SeccompOperator::kLessOrEqual, SCMP_CMP_LE},        {oci::SeccompOperator::kEqual, SCMP_CMP_EQ},
    {oci::SeccompOperator::kGreaterOrEqual, SCMP_CMP_GE},     {oci::SeccompOperator::kGreater, SCMP_CMP_GT},
    {oci::SeccompOperator::kMaskedEqual, SCMP_CMP_MASKED_EQ},
};

// socketcall(2): the calls that i386 also offers through one number, by their number there (linux/net.h).
struct MultiplexedCall {
  std::string_view name;
  uint32_t call;
};
inline constexpr MultiplexedCall kSocketCalls[] = {
    {"socket", 1},      {"bind", 2},        {"connect", 3},    {"listen", 4},      {"accept", 5},
    {"getsockname", 6}, {"getpeername", 7}, {"socketpair", 8}, {"send", 9},        {"recv", 10},
    {"sendto", 11},     {"recvfrom", 12},   {"shutdown", 13},  {"setsockopt", 14}, {"getsockopt", 15},
    {"sendmsg", 16},    {"recvmsg", 17},    {"accept4", 18},   {"recvmmsg", 19},   {"sendmmsg", 20},
};

}  // namespace crunlite::runtime
