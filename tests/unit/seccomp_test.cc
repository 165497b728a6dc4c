// SPDX-License-Identifier: Apache-2.0
// Profiles to programs, judged by running the program: a small interpreter of classic BPF gives the kernel's
// answer for any system call on any architecture, without loading anything.
#include "runtime/seccomp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {
namespace {

using oci::SeccompAction;
using oci::SeccompOperator;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

// What the kernel would do with `data`; Documentation/networking/filter.rst.
uint32_t run(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& in = program[pc];
    switch (in.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (in.k + sizeof a > sizeof data) throw std::out_of_range("load");
        std::memcpy(&a, reinterpret_cast<const char*>(&data) + in.k, sizeof a);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= in.k;
        break;
      case BPF_JMP | BPF_JA:
        pc += in.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a == in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += a > in.k ? in.jt : in.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= in.k ? in.jt : in.jf;
        break;
      case BPF_RET | BPF_K:
        return in.k;
      default:
        throw std::invalid_argument("instruction " + std::to_string(in.code));
    }
  }
  throw std::out_of_range("ran off the end");
}

struct Call {
  uint32_t architecture = AUDIT_ARCH_X86_64;
  uint64_t first = 0;
  uint64_t second = 0;
};

uint32_t answer(const oci::Seccomp& profile, int number, const Call& call = {}) {
  return run(compile_seccomp(profile).instructions,
             {.nr = number, .arch = call.architecture, .args = {call.first, call.second}});
}

int number_of(const char* name, uint32_t architecture = SCMP_ARCH_X86_64) {
  return ::seccomp_syscall_resolve_name_arch(architecture, name);
}

oci::Seccomp allow_list(std::vector<std::string> names) {
  return {.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"},
          .rules = {{.names = std::move(names), .action = SeccompAction::kAllow}}};
}

#if defined(__x86_64__)

TEST(Seccomp, AllowsDeniesAndSaysNoSys) {
  const oci::Seccomp profile = allow_list({"read", "openat2"});
  EXPECT_EQ(answer(profile, number_of("read")), kAllow);
  EXPECT_EQ(answer(profile, number_of("write")), kEperm);
  EXPECT_EQ(answer(profile, number_of("openat2") + 1), kEnosys) << "newer than everything the profile names";
  EXPECT_EQ(answer(profile, 1000), kEnosys);
}

TEST(Seccomp, EveryArchitectureHasItsOwnNumbers) {
  const oci::Seccomp profile = allow_list({"read", "openat2"});
  const Call i386{.architecture = AUDIT_ARCH_I386};
  EXPECT_EQ(answer(profile, number_of("read", SCMP_ARCH_X86), i386), kAllow);
  EXPECT_EQ(answer(profile, number_of("write", SCMP_ARCH_X86), i386), kEperm);
  EXPECT_EQ(answer(profile, 1000, i386), kEnosys);
  EXPECT_EQ(answer(profile, number_of("read", SCMP_ARCH_X32)), kAllow);
  EXPECT_EQ(answer(profile, number_of("write", SCMP_ARCH_X32)), kEperm);
  EXPECT_EQ(answer(profile, 0x40000000 + 1000), kEnosys);
}

TEST(Seccomp, AnArchitectureThatIsNotNamedIsKilled) {
  oci::Seccomp profile = allow_list({"read"});
  profile.architectures.clear();
  EXPECT_EQ(answer(profile, 3, {.architecture = AUDIT_ARCH_I386}), uint32_t{SECCOMP_RET_KILL_THREAD});
  EXPECT_EQ(answer(profile, 1000, {.architecture = AUDIT_ARCH_I386}), uint32_t{SECCOMP_RET_KILL_THREAD});
  EXPECT_EQ(answer(profile, 0x40000000), uint32_t{SECCOMP_RET_KILL_THREAD});
}

TEST(Seccomp, KnowsEveryAction) {
  const std::pair<SeccompAction, uint32_t> actions[] = {
      {SeccompAction::kKill, SECCOMP_RET_KILL_THREAD},
      {SeccompAction::kKillThread, SECCOMP_RET_KILL_THREAD},
      {SeccompAction::kKillProcess, SECCOMP_RET_KILL_PROCESS},
      {SeccompAction::kTrap, SECCOMP_RET_TRAP},
      {SeccompAction::kErrno, SECCOMP_RET_ERRNO | EACCES},
      {SeccompAction::kTrace, SECCOMP_RET_TRACE | EACCES},
      {SeccompAction::kLog, SECCOMP_RET_LOG}};
  for (const auto& [action, expected] : actions) {
    const bool has_errno = action == SeccompAction::kErrno || action == SeccompAction::kTrace;
    const std::optional<uint32_t> error = has_errno ? std::optional<uint32_t>(EACCES) : std::nullopt;
    oci::Seccomp profile = allow_list({"read"});
    profile.rules.push_back({.names = {"write"}, .action = action, .errno_ret = error});
    EXPECT_EQ(answer(profile, number_of("write")), expected);
    profile = allow_list({"read", "openat2"});
    profile.default_action = action;
    profile.default_errno_ret = error;
    EXPECT_EQ(answer(profile, number_of("execve")), expected);
  }
}

TEST(Seccomp, AnErrnoBelongsToErrnoAndTrace) {
  for (const SeccompAction action : {SeccompAction::kKill, SeccompAction::kAllow, SeccompAction::kLog,
                                     SeccompAction::kTrap, SeccompAction::kNotify}) {
    oci::Seccomp profile = allow_list({"read"});
    profile.rules.push_back({.names = {"openat2"}, .action = action, .errno_ret = 1});
    EXPECT_THROW((void)compile_seccomp(profile), Error);
  }
}

// What the kernel makes of several filters: the answer with the lowest number, as a signed one, counts.
uint32_t both(const oci::Seccomp& profile, int number, const Call& call = {}) {
  const SeccompProgram program = compile_seccomp(profile);
  const seccomp_data data{.nr = number, .arch = call.architecture, .args = {call.first, call.second}};
  const auto first = static_cast<int32_t>(run(program.notifying, data));
  const auto second = static_cast<int32_t>(run(program.instructions, data));
  return static_cast<uint32_t>(std::min(first, second));
}

TEST(Seccomp, NotificationsAreAProgramOfTheirOwn) {
  oci::Seccomp profile = allow_list({"read", "openat2"});
  EXPECT_TRUE(compile_seccomp(profile).notifying.empty());
  profile.rules.push_back(
      {.names = {"mkdir"}, .action = SeccompAction::kNotify, .args = {{.index = 1, .value = 5}}});
  profile.rules.push_back({.names = {"rmdir"}, .action = SeccompAction::kNotify});
  profile.rules.push_back({.names = {"chmod"}, .action = SeccompAction::kKillProcess});
  profile.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_LOG",
                   "SECCOMP_FILTER_FLAG_TSYNC"};
  const SeccompProgram program = compile_seccomp(profile);
  EXPECT_EQ(program.flags, unsigned{SECCOMP_FILTER_FLAG_LOG});
  EXPECT_EQ(program.notifying_flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                         SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  // The listener is handed over under the first alone.
  const seccomp_data write{.nr = number_of("write"), .arch = AUDIT_ARCH_X86_64};
  EXPECT_EQ(run(program.notifying, write), kAllow);
  const uint32_t notify = SECCOMP_RET_USER_NOTIF;
  EXPECT_EQ(both(profile, number_of("rmdir")), notify);
  EXPECT_EQ(both(profile, number_of("mkdir"), {.second = 5}), notify);
  EXPECT_EQ(both(profile, number_of("mkdir"), {.second = 6}), kEperm);
  EXPECT_EQ(both(profile, number_of("read")), kAllow);
  EXPECT_EQ(both(profile, number_of("write")), kEperm);
  EXPECT_EQ(both(profile, number_of("chmod")), uint32_t{SECCOMP_RET_KILL_PROCESS});
  EXPECT_EQ(both(profile, 1000), kEnosys);
  EXPECT_TRUE(notifies(profile, "rmdir"));
  EXPECT_FALSE(notifies(profile, "chmod"));
}

TEST(Seccomp, WhatTheStartNeedsCannotBeNotified) {
  EXPECT_THROW((void)compile_seccomp({.default_action = SeccompAction::kNotify}), Error);
  oci::Seccomp profile = allow_list({"read", "openat2"});
  profile.rules.push_back({.names = {"mkdir", "write"}, .action = SeccompAction::kNotify});
  EXPECT_THROW((void)compile_seccomp(profile), Error);
}

TEST(Seccomp, ArchitecturesOfTheOtherByteOrderNeedNoRules) {
  oci::Seccomp profile = allow_list({"read", "openat2"});
  for (const char* name : {"SCMP_ARCH_S390X", "SCMP_ARCH_MIPS", "SCMP_ARCH_SHEB", "SCMP_ARCH_LOONGARCH64"})
    profile.architectures.emplace_back(name);
  EXPECT_EQ(answer(profile, number_of("read")), kAllow);
  EXPECT_EQ(seccomp_architecture_names().size(), 23u);
}

TEST(Seccomp, ARuleGivenTwiceIsOne) {
  oci::Seccomp profile{.default_action = SeccompAction::kAllow};
  profile.rules = {{.names = {"mkdir"}, .action = SeccompAction::kErrno},
                   {.names = {"mkdir"}, .action = SeccompAction::kErrno}};
  EXPECT_EQ(answer(profile, number_of("mkdir")), kEperm);
}

TEST(Seccomp, TakesARawProgram) {
  const std::string allow_all("\x06\0\0\0\0\0\xff\x7f", 8);
  const SeccompProgram program = seccomp_from_bpf("BgAAAAAA/38=\n");
  ASSERT_EQ(program.instructions.size(), 1u);
  EXPECT_EQ(std::memcmp(program.instructions.data(), allow_all.data(), allow_all.size()), 0);
  EXPECT_THROW((void)seccomp_from_bpf("BgAAAAAA/3"), Error);
  EXPECT_THROW((void)seccomp_from_bpf("BgAA"), Error);
  EXPECT_THROW((void)seccomp_from_bpf(""), Error);
}

TEST(Seccomp, KnowsWhichCallsExist) {
  require_known_calls(allow_list({"read", "socketcall"}));
  EXPECT_THROW(require_known_calls(allow_list({"read", "no_such_call"})), Error);
}

TEST(Seccomp, KnowsEveryComparison) {
  const std::pair<SeccompOperator, std::array<bool, 3>> operators[] = {
      {SeccompOperator::kNotEqual, {true, false, true}},
      {SeccompOperator::kLess, {true, false, false}},
      {SeccompOperator::kLessOrEqual, {true, true, false}},
      {SeccompOperator::kEqual, {false, true, false}},
      {SeccompOperator::kGreaterOrEqual, {false, true, true}},
      {SeccompOperator::kGreater, {false, false, true}}};
  constexpr uint64_t kValue = 0x1'0000'0005;  // both halves count
  for (const auto& [op, expected] : operators) {
    oci::Seccomp profile = allow_list({"read"});
    profile.rules.push_back({.names = {"write"},
                             .action = SeccompAction::kAllow,
                             .args = {{.index = 1, .value = kValue, .op = op}}});
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(answer(profile, number_of("write"), {.second = kValue - 1 + i}),
                expected[i] ? kAllow : kEperm)
          << static_cast<int>(op) << " " << i;
  }
  oci::Seccomp profile = allow_list({"read"});
  profile.rules.push_back(
      {.names = {"write"},
       .action = SeccompAction::kAllow,
       .args = {{.index = 0, .value = 0xf0, .value_two = 0x20, .op = SeccompOperator::kMaskedEqual}}});
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 0x12f}), kAllow);
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 0x13f}), kEperm);
}

TEST(Seccomp, SeveralConditionsAllHoldUnlessTheyAreOnOneArgument) {
  oci::Seccomp profile = allow_list({"read"});
  profile.rules.push_back({.names = {"write"},
                           .action = SeccompAction::kAllow,
                           .args = {{.index = 0, .value = 1}, {.index = 1, .value = 2}}});
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 1, .second = 2}), kAllow);
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 1, .second = 3}), kEperm);
  profile.rules.back().args = {{.index = 0, .value = 1}, {.index = 0, .value = 2}};
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 2}), kAllow);
  EXPECT_EQ(answer(profile, number_of("write"), {.first = 3}), kEperm);
}

TEST(Seccomp, SocketcallIsNoWayAroundAConditionOnSocket) {
  oci::Seccomp profile = allow_list({"read", "bind", "openat2"});
  profile.rules.push_back({.names = {"socket"},
                           .action = SeccompAction::kAllow,
                           .args = {{.index = 0, .value = 38, .op = SeccompOperator::kLess}}});
  const auto socketcall = [&](uint64_t call) {
    return answer(profile, 102, {.architecture = AUDIT_ARCH_I386, .first = call});
  };
  EXPECT_EQ(socketcall(1), kEperm) << "socket(): its family is behind a pointer";
  EXPECT_EQ(socketcall(2), kAllow) << "bind() is allowed whatever its arguments are";
  EXPECT_EQ(socketcall(3), kEperm) << "connect() is not";
  EXPECT_EQ(answer(profile, 359, {.architecture = AUDIT_ARCH_I386, .first = 1}), kAllow);
  EXPECT_EQ(answer(profile, 359, {.architecture = AUDIT_ARCH_I386, .first = 38}), kEperm);
  profile.rules.push_back({.names = {"socketcall"}, .action = SeccompAction::kAllow});
  EXPECT_EQ(socketcall(1), kAllow) << "unless the profile says so itself, as moby's does";
}

TEST(Seccomp, ADenyListHasNoNoSys) {
  const oci::Seccomp profile{.default_action = SeccompAction::kAllow,
                             .rules = {{.names = {"write"}, .action = SeccompAction::kErrno}}};
  EXPECT_EQ(answer(profile, number_of("write")), kEperm);
  EXPECT_EQ(answer(profile, 1000), kAllow);
}

TEST(Seccomp, SkipsCallsThatNobodyKnows) {
  EXPECT_EQ(answer(allow_list({"read", "no_such_call", "openat2"}), number_of("read")), kAllow);
}

#endif  // __x86_64__

TEST(Seccomp, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW((void)compile_seccomp({.architectures = {"SCMP_ARCH_Z80"}}), Error);
  EXPECT_THROW((void)compile_seccomp({.flags = {"SECCOMP_FILTER_FLAG_NOPE"}}), Error);
  EXPECT_THROW((void)compile_seccomp({.default_errno_ret = 4096}), Error);
  oci::Seccomp profile{
      .rules = {{.names = {"read"}, .action = SeccompAction::kAllow, .args = {{.index = 6}}}}};
  EXPECT_THROW((void)compile_seccomp(profile), Error);
}

TEST(Seccomp, PassesFlagsOn) {
  EXPECT_EQ(compile_seccomp({.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"}}).flags,
            SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  // Without a listener the kernel would refuse it.
  EXPECT_EQ(compile_seccomp({.flags = {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}}).flags, 0u);
  EXPECT_EQ(compile_seccomp({.flags_absent = true}).flags, unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW});
  EXPECT_EQ(compile_seccomp({}).flags, 0u);
}

// --- the cache ---------------------------------------------------------------------------------------------

class SeccompCache : public testing::Test {
 protected:
  void TearDown() override { remove_tree(AT_FDCWD, path_); }
  std::string only_file() { return path_ + "/" + list_dir(AT_FDCWD, path_).at(0); }
  std::vector<uint32_t> program() {
    std::vector<uint32_t> words;
    const SeccompProgram compiled = compile_seccomp_cached(profile_, path_);
    for (const sock_filter& in : compiled.instructions) {
      words.push_back(static_cast<uint32_t>(in.code << 16 | in.jt << 8 | in.jf));
      words.push_back(in.k);
    }
    words.push_back(compiled.flags);
    words.push_back(compiled.notifying_flags);
    words.push_back(static_cast<uint32_t>(compiled.notifying.size()));
    return words;
  }
  void overwrite(std::string_view content) {
    const std::string file = only_file();
    write_file_atomic(AT_FDCWD, file, content, 0600, Durability::kRename);
  }

  std::string path_ = testing::TempDir() + "seccomp-cache." + random_hex(6);
  oci::Seccomp profile_{.flags = {"SECCOMP_FILTER_FLAG_LOG"},
                        .rules = {{.names = {"read"}, .action = SeccompAction::kAllow}}};
};

TEST_F(SeccompCache, GivesBackTheSameProgram) {
  const auto first = program();
  const std::string stored = read_file(AT_FDCWD, only_file(), 1u << 20);
  EXPECT_EQ(program(), first);
  EXPECT_EQ(list_dir(AT_FDCWD, path_).size(), 1u);
  const auto st = check(sys::stat_at(AT_FDCWD, only_file().c_str(), 0), "stat");
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  // It really is read: a changed instruction comes back.
  std::string changed = stored;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  overwrite(changed);
  EXPECT_NE(program(), first);
}

TEST_F(SeccompCache, BothProgramsComeBack) {
  profile_.rules.push_back({.names = {"mkdir"}, .action = SeccompAction::kNotify});
  const auto first = program();
  EXPECT_GT(first.back(), 0u);
  EXPECT_EQ(program(), first);
  EXPECT_EQ(list_dir(AT_FDCWD, path_).size(), 1u);
}

TEST_F(SeccompCache, EveryPartOfTheProfileIsInTheKey) {
  (void)program();
  const auto misses = [&] {
    const size_t before = list_dir(AT_FDCWD, path_).size();
    (void)program();
    return list_dir(AT_FDCWD, path_).size() == before + 1;
  };
  profile_.rules[0].names = {"re", "ad"};
  EXPECT_TRUE(misses());
  profile_.rules[0].names = {"read", "write"};
  EXPECT_TRUE(misses());
  profile_.default_errno_ret = 0;
  EXPECT_TRUE(misses());
  profile_.rules[0].args = {{.index = 0, .value = 1}};
  EXPECT_TRUE(misses());
  profile_.rules[0].args[0].op = SeccompOperator::kGreater;
  EXPECT_TRUE(misses());
  profile_.flags.clear();
  EXPECT_TRUE(misses());
  profile_.architectures = {"SCMP_ARCH_X86"};
  EXPECT_EQ(misses(), true);
  EXPECT_FALSE(misses());
}

TEST_F(SeccompCache, IsIgnoredWhenAnythingIsWrong) {
  const auto good = program();
  const std::string file = only_file();
  const std::string stored = read_file(AT_FDCWD, file, 1u << 20);
  for (const std::string& bad : {std::string(), std::string("x"), stored.substr(0, stored.size() - 8),
                                 stored + "12345678", std::string(stored.size(), '\0')}) {
    overwrite(bad);
    EXPECT_EQ(program(), good);
  }
  check(sys::unlink_at(AT_FDCWD, file.c_str()), "unlink");
  check(sys::symlink_at("/etc/hostname", AT_FDCWD, file.c_str()), "symlink");
  EXPECT_EQ(program(), good);
  std::string evil = stored;
  evil.back() = static_cast<char>(evil.back() ^ 1);
  write_file_atomic(AT_FDCWD, file, evil, 0666, Durability::kRename);
  EXPECT_EQ(program(), good) << "a file that others can write is not ours";
}

TEST_F(SeccompCache, ADirectoryThatOthersCanEnterIsNotUsed) {
  check(sys::mkdir_at(AT_FDCWD, path_.c_str(), 0755), "mkdir");
  (void)program();
  EXPECT_TRUE(list_dir(AT_FDCWD, path_).empty());
}

}  // namespace
}  // namespace crunlite::runtime
