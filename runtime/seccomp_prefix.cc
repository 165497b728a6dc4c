// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_prefix.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>

#include "runtime/seccomp_names.h"

namespace crunlite::runtime {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT
constexpr uint32_t kSocketcall = 102;     // of i386
constexpr uint32_t kNoSys = SECCOMP_RET_ERRNO | ENOSYS;

sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter answer(uint32_t value) {
  return BPF_STMT(BPF_RET | BPF_K, value);
}
// Jumps over the next `skip` instructions unless the accumulator is `condition` `value`.
sock_filter unless(uint16_t condition, uint32_t value, size_t skip) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), value, 0, static_cast<uint8_t>(skip));
}

void append(std::vector<sock_filter>& program, const std::vector<sock_filter>& block) {
  program.insert(program.end(), block.begin(), block.end());
}

// A default that lets calls through, or hands them to a tracer that may know them, needs no help.
bool lets_through(oci::SeccompAction action) {
  return action == oci::SeccompAction::kAllow || action == oci::SeccompAction::kLog ||
         action == oci::SeccompAction::kTrace;
}

// The highest number that the profile names on this architecture; -1: none.
int highest_call(const oci::Seccomp& profile, uint32_t architecture) {
  int highest = -1;
  for (const oci::SeccompRule& rule : profile.rules) {
    for (const std::string& name : rule.names)
      highest = std::max(highest, ::seccomp_syscall_resolve_name_arch(architecture, name.c_str()));
  }
  return highest;
}

// The accumulator holds the number: ENOSYS for what the profile's author cannot have known.
std::vector<sock_filter> newer_calls(const oci::Seccomp& profile, uint32_t architecture) {
  const int highest = highest_call(profile, architecture);
  if (highest < 0) return {};
  return {unless(BPF_JGT, static_cast<uint32_t>(highest), 1), answer(kNoSys)};
}

// Socket calls that the profile names only with conditions on their arguments. libseccomp lets their way
// through socketcall pass whatever the arguments are, because they are behind a pointer there.
std::vector<uint32_t> guarded_socket_calls(const oci::Seccomp& profile) {
  std::vector<uint32_t> guarded;
  const auto any_rule = [&](std::string_view name, bool with_args) {
    return std::any_of(profile.rules.begin(), profile.rules.end(), [&](const oci::SeccompRule& rule) {
      return rule.args.empty() != with_args &&
             std::find(rule.names.begin(), rule.names.end(), name) != rule.names.end();
    });
  };
  if (any_rule("socketcall", false)) return guarded;  // the profile says so itself
  for (const MultiplexedCall& call : kSocketCalls) {
    if (any_rule(call.name, true) && !any_rule(call.name, false)) guarded.push_back(call.call);
  }
  return guarded;
}

// The accumulator holds the number, before and after.
std::vector<sock_filter> socketcall_guard(const oci::Seccomp& profile, uint32_t denied) {
  const std::vector<uint32_t> guarded = guarded_socket_calls(profile);
  if (guarded.empty()) return {};
  std::vector<sock_filter> tests;
  for (const uint32_t call : guarded) append(tests, {unless(BPF_JEQ, call, 1), answer(denied)});
  std::vector<sock_filter> block = {unless(BPF_JEQ, kSocketcall, tests.size() + 2),
                                    load(offsetof(seccomp_data, args[0]))};
  block.insert(block.end(), tests.begin(), tests.end());
  block.push_back(load(offsetof(seccomp_data, nr)));
  return block;
}

}  // namespace

std::vector<sock_filter> seccomp_prefix(const oci::Seccomp& profile,
                                        const std::vector<uint32_t>& architectures, uint32_t denied) {
  if (lets_through(profile.default_action)) return {};
  std::vector<std::pair<uint32_t, std::vector<sock_filter>>> blocks;
  for (const uint32_t architecture : architectures) {
    std::vector<sock_filter> block = newer_calls(profile, architecture);
    if (architecture == SCMP_ARCH_X86) append(block, socketcall_guard(profile, denied));
    if (block.empty()) continue;
    // x32 has x86_64's audit number, and a bit in the number of the call.
    const bool x32 = architecture == SCMP_ARCH_X32;
    if (x32 || architecture == SCMP_ARCH_X86_64) {
      sock_filter only = unless(BPF_JGE, kX32Bit, block.size());
      if (!x32) std::swap(only.jt, only.jf);
      block.insert(block.begin(), only);
    }
    block.insert(block.begin(), load(offsetof(seccomp_data, nr)));
    blocks.emplace_back(x32 ? AUDIT_ARCH_X86_64 : architecture, std::move(block));
  }
  std::vector<sock_filter> program;
  for (const auto& [audit, block] : blocks) {
    program.push_back(load(offsetof(seccomp_data, arch)));
    program.push_back(unless(BPF_JEQ, audit, block.size()));
    append(program, block);
  }
  return program;
}

}  // namespace crunlite::runtime
