// SPDX-License-Identifier: Apache-2.0
// Compiled profiles in the real kernel: a forked child loads the program and tries system calls, also those
// of i386 (int 0x80) and x32 where the machine has them.
#include "runtime/seccomp.h"

#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/child.h"
#include "base/error.h"
#include "engine/default_seccomp.h"
#include "engine/defaults.h"

namespace crunlite::runtime {
namespace {

constexpr int kNotLoaded = 250;

// The errno (0: it worked) that `body` gives in a process under the program.
int under(const SeccompProgram& program, const std::function<long()>& body) {
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const pid_t pid = check(sys::clone3(args), "clone3");
  if (pid == 0) {
    sock_fprog code{.len = static_cast<unsigned short>(program.instructions.size()),
                    .filter = const_cast<sock_filter*>(program.instructions.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program.flags, &code) != 0) ::_exit(kNotLoaded);
    const long result = body();
    // _exit would do too, but a filter may not let it pass.
    ::syscall(SYS_exit_group, result < 0 ? static_cast<int>(-result) : 0);
  }
  Child child(pid, UniqueFd(pidfd));
  return child.wait().shell_code();
}

long plain(long number, long first = 0, long second = 0, long third = 0) {
  const long result = ::syscall(number, first, second, third);
  return result < 0 ? -errno : result;
}

const SeccompProgram& default_program() {
  static const SeccompProgram program =
      compile_seccomp(engine::default_seccomp(engine::default_capabilities(), engine::running_kernel()));
  return program;
}

TEST(SeccompKernel, TheDefaultProfileLoadsAndLetsOrdinaryCallsThrough) {
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_getpid); }), 0);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_socket, AF_INET, SOCK_STREAM); }), 0);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_clone, SIGCHLD); }), 0);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_personality, 0xffffffff); }), 0);
}

TEST(SeccompKernel, TheDefaultProfileDenies) {
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_unshare, CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_clone, CLONE_NEWUSER | SIGCHLD); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_keyctl); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_io_uring_setup, 1); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_personality, 0x0040000); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(SYS_clone3); }), ENOSYS);
  EXPECT_EQ(under(default_program(), [] { return plain(1000); }), ENOSYS);
}

TEST(SeccompKernel, NoAlgAndNoVsockSockets) {
  for (const long family : {38L, 40L}) {
    EXPECT_EQ(under(default_program(), [=] { return plain(SYS_socket, family, SOCK_STREAM); }), EPERM);
    // The kernel takes the low half of the register.
    EXPECT_EQ(under(default_program(), [=] { return plain(SYS_socket, family | 1L << 32, SOCK_STREAM); }),
              EPERM);
  }
}

TEST(SeccompKernel, AnUnnamedCallIsNotSupportedWhenItIsNew) {
  const SeccompProgram program = compile_seccomp(
      {.rules = {{.names = {"exit_group", "openat2"}, .action = oci::SeccompAction::kAllow}}});
  EXPECT_EQ(under(program, [] { return plain(SYS_getpid); }), EPERM);
  EXPECT_EQ(under(program, [] { return plain(SYS_openat2 + 1); }), ENOSYS);
}

#if defined(__x86_64__)

long through_int80(long number, long first = 0, long second = 0, long third = 0) {
  long result = number;
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(first), "c"(second), "d"(third)
               : "memory", "r8", "r9", "r10", "r11");
  return static_cast<int>(result);
}

constexpr long kI386Getpid = 20;
constexpr long kI386Socketcall = 102;
constexpr long kI386Unshare = 310;
constexpr long kI386Socket = 359;
constexpr long kX32 = 0x40000000;

// Without 32-bit support `int 0x80` is SIGSEGV.
bool has_i386() {
  const SeccompProgram everything =
      compile_seccomp({.default_action = oci::SeccompAction::kAllow, .architectures = {"SCMP_ARCH_X86"}});
  return under(everything, [] { return through_int80(kI386Getpid); }) == 0;
}

TEST(SeccompKernel, I386IsFilteredToo) {
  if (!has_i386()) GTEST_SKIP() << "the kernel runs no i386 code";
  EXPECT_EQ(under(default_program(), [] { return through_int80(kI386Getpid); }), 0);
  EXPECT_EQ(under(default_program(), [] { return through_int80(kI386Unshare, CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return through_int80(1000); }), ENOSYS);
  EXPECT_EQ(under(default_program(), [] { return through_int80(kI386Socket, AF_INET, SOCK_STREAM); }), 0);
  EXPECT_EQ(under(default_program(), [] { return through_int80(kI386Socket, 38, SOCK_STREAM); }), EPERM);
}

TEST(SeccompKernel, I386sSocketcallIsNoWayRound) {
  if (!has_i386()) GTEST_SKIP() << "the kernel runs no i386 code";
  // Its arguments have to lie below 4 GB.
  void* low = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  ASSERT_NE(low, MAP_FAILED);
  auto* arguments = static_cast<uint32_t*>(low);
  arguments[0] = 40;
  arguments[1] = SOCK_STREAM;
  const long address = reinterpret_cast<intptr_t>(low);
  EXPECT_EQ(under(default_program(), [=] { return through_int80(kI386Socketcall, 1, address); }), EPERM);
  ::munmap(low, 4096);
}

TEST(SeccompKernel, X32IsFilteredToo) {
  EXPECT_EQ(under(default_program(), [] { return plain(kX32 | SYS_unshare, CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(under(default_program(), [] { return plain(kX32 | 1000); }), ENOSYS);
}

TEST(SeccompKernel, AProfileForOneArchitectureKillsTheOthers) {
  const SeccompProgram native = compile_seccomp({.default_action = oci::SeccompAction::kAllow});
  EXPECT_EQ(under(native, [] { return plain(kX32 | SYS_getpid); }), 128 + SIGSYS);
  if (has_i386()) {
    EXPECT_EQ(under(native, [] { return through_int80(kI386Getpid); }), 128 + SIGSYS);
  }
}

#endif  // __x86_64__

}  // namespace
}  // namespace crunlite::runtime
