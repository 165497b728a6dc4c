// SPDX-License-Identifier: Apache-2.0
#include "base/sys.h"

#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

namespace crunlite::sys {
namespace {

// Repeats a call that a signal interrupted before it did anything (signal(7)).
template <class Call>
auto retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

Status status_of(long result) {
  return result == -1 ? fail() : kOk;
}

template <class Number>
Result<UniqueFd> owned(Number result) {
  if (result == -1) return fail();
  return UniqueFd(static_cast<int>(result));
}

template <class Number>
Result<size_t> size_of(Number result) {
  if (result == -1) return fail();
  return static_cast<size_t>(result);
}

}  // namespace

Result<UniqueFd> open_at(int dir, const char* path, int flags, mode_t mode) {
  return owned(retry([&] { return ::openat(dir, path, flags | O_CLOEXEC, mode); }));
}

Result<UniqueFd> openat2(int dir, const char* path, uint64_t flags, uint64_t resolve, mode_t mode) {
  open_how how{.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  return owned(retry([&] { return ::syscall(SYS_openat2, dir, path, &how, sizeof how); }));
}

Result<size_t> read(int fd, void* buffer, size_t size) {
  return size_of(retry([&] { return ::read(fd, buffer, size); }));
}

Result<size_t> pread(int fd, void* buffer, size_t size, off_t offset) {
  return size_of(retry([&] { return ::pread(fd, buffer, size, offset); }));
}

Result<size_t> write(int fd, const void* data, size_t size) {
  return size_of(retry([&] { return ::write(fd, data, size); }));
}

Result<size_t> pwrite(int fd, const void* data, size_t size, off_t offset) {
  return size_of(retry([&] { return ::pwrite(fd, data, size, offset); }));
}

Status write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    Result<size_t> written = write(fd, data.data(), data.size());
    if (!written.ok()) return written.status();
    data.remove_prefix(*written);
  }
  return kOk;
}

Result<UniqueFd> dup(int fd) {
  return owned(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Status dup2(int fd, int target) {
  if (fd == target) return set_cloexec(fd, false);
  return status_of(retry([&] { return ::dup2(fd, target); }));
}

Status set_cloexec(int fd, bool on) {
  return status_of(::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0));
}

Result<struct stat> fstat(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) == -1) return fail();
  return st;
}

Result<struct stat> stat_at(int dir, const char* path, int flags) {
  struct stat st {};
  if (::fstatat(dir, path, &st, flags) == -1) return fail();
  return st;
}

Result<struct statfs> fstatfs(int fd) {
  struct statfs st {};
  if (retry([&] { return ::fstatfs(fd, &st); }) == -1) return fail();
  return st;
}

Result<struct statx> statx(int dir, const char* path, int flags, unsigned mask) {
  struct statx st {};
  if (::statx(dir, path, flags, mask, &st) == -1) return fail();
  return st;
}

Status mkdir_at(int dir, const char* path, mode_t mode) {
  return status_of(::mkdirat(dir, path, mode));
}

Status mknod_at(int dir, const char* path, mode_t mode, dev_t device) {
  return status_of(::mknodat(dir, path, mode, device));
}

Status symlink_at(const char* target, int dir, const char* path) {
  return status_of(::symlinkat(target, dir, path));
}

Status link_at(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  return status_of(::linkat(from_dir, from, to_dir, to, flags));
}

Status unlink_at(int dir, const char* path, int flags) {
  return status_of(::unlinkat(dir, path, flags));
}

Status rename_at(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  return status_of(::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

Result<size_t> readlink_at(int dir, const char* path, char* buffer, size_t size) {
  return size_of(::readlinkat(dir, path, buffer, size));
}

Status fchmod(int fd, mode_t mode) {
  return status_of(::fchmod(fd, mode));
}

Status fchown(int fd, uid_t uid, gid_t gid) {
  return status_of(::fchown(fd, uid, gid));
}

Status chown_path_fd(int fd, uid_t uid, gid_t gid) {
  return status_of(::fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

Status chown_at(int dir, const char* path, uid_t uid, gid_t gid) {
  return status_of(::fchownat(dir, path, uid, gid, AT_SYMLINK_NOFOLLOW));
}

Status set_times_at(int dir, const char* path, const timespec& access, const timespec& modification) {
  const timespec times[2] = {access, modification};
  return status_of(::utimensat(dir, path, times, AT_SYMLINK_NOFOLLOW));
}

Status chmod_at(int dir, const char* path, mode_t mode) {
  return status_of(::fchmodat(dir, path, mode, 0));
}

Status set_times(int fd, const timespec& access, const timespec& modification) {
  const timespec times[2] = {access, modification};
  return status_of(::futimens(fd, times));
}

Status set_link_xattr(const char* path, const char* name, std::string_view value) {
  return status_of(::lsetxattr(path, name, value.data(), value.size(), 0));
}

Result<size_t> list_xattrs(int fd, char* buffer, size_t size) {
  return size_of(::flistxattr(fd, buffer, size));
}

Status ftruncate(int fd, off_t size) {
  return status_of(retry([&] { return ::ftruncate(fd, size); }));
}

Status fsync(int fd) {
  return status_of(retry([&] { return ::fsync(fd); }));
}

Status syncfs(int fd) {
  return status_of(::syncfs(fd));
}

Status flock(int fd, int operation) {
  return status_of(retry([&] { return ::flock(fd, operation); }));
}
Status set_xattr(int fd, const char* name, std::string_view value) {
  return status_of(::fsetxattr(fd, name, value.data(), value.size(), 0));
}
Result<size_t> get_xattr(int fd, const char* name, char* buffer, size_t size) {
  return size_of(::fgetxattr(fd, name, buffer, size));
}
Status remove_xattr(int fd, const char* name) {
  return status_of(::fremovexattr(fd, name));
}

Status lock_file(int fd, Wait wait) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  const int command = wait == Wait::kYes ? F_SETLKW : F_SETLK;
  return status_of(retry([&] { return ::fcntl(fd, command, &whole); }));
}

Result<pid_t> lock_holder(int fd) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (::fcntl(fd, F_GETLK, &whole) == -1) return fail();
  if (whole.l_type == F_UNLCK) return 0;
  return whole.l_pid > 0 ? whole.l_pid : -1;
}

Status fchdir(int fd) {
  return status_of(::fchdir(fd));
}

Status close_range(unsigned first, unsigned last, unsigned flags) {
  return status_of(::syscall(SYS_close_range, first, last, flags));
}

Result<size_t> get_dents(int fd, void* buffer, size_t size) {
  return size_of(::syscall(SYS_getdents64, fd, buffer, size));
}

Result<UniqueFd> memfd_create(const char* name, unsigned flags) {
  return owned(::syscall(SYS_memfd_create, name, flags | MFD_CLOEXEC));
}

Result<PipeEnds> pipe(int flags) {
  int ends[2];
  if (::pipe2(ends, flags | O_CLOEXEC) == -1) return fail();
  return PipeEnds{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<SocketPair> socket_pair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == -1) return fail();
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> socket(int domain, int type, int protocol) {
  return owned(::socket(domain, type | SOCK_CLOEXEC, protocol));
}

Result<UniqueFd> epoll_create() {
  return owned(::epoll_create1(EPOLL_CLOEXEC));
}

Result<UniqueFd> accept(int socket, int flags) {
  return owned(::accept4(socket, nullptr, nullptr, flags | SOCK_CLOEXEC));
}

Status send_with_fd(int socket, const void* data, size_t size, int fd) {
  iovec part{const_cast<void*>(data), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return status_of(retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); }));
}

Result<Received> receive_with_fd(int socket, void* buffer, size_t size) {
  iovec part{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  // Not the whole of it: what is there for alignment would take a second descriptor, which nobody would
  // close.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t got = retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (got == -1) return fail();
  Received received{static_cast<size_t>(got), UniqueFd()};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    received.fd.reset(fd);
  }
  // A message larger than the buffer is a protocol error, not a short read.
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return Status(EMSGSIZE);
  return received;
}

Status mount(const char* source, const char* target, const char* type, unsigned long flags,
             const char* data) {
  return status_of(::mount(source, target, type, flags, data));
}

Status umount(const char* target, int flags) {
  return status_of(::umount2(target, flags));
}

Result<UniqueFd> fsopen(const char* type) {
  return owned(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

Status fsconfig_string(int fs, const char* key, const char* value) {
  return status_of(::syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}

Status fsconfig_flag(int fs, const char* key) {
  return status_of(::syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, nullptr, 0));
}

Status fsconfig_create(int fs) {
  return status_of(::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
}

Result<UniqueFd> fsmount(int fs, unsigned attributes) {
  return owned(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
}

Result<UniqueFd> open_tree(int dir, const char* path, unsigned flags) {
  return owned(::syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC));
}

Status move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags) {
  return status_of(::syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}

Status mount_setattr(int dir, const char* path, unsigned flags, const struct mount_attr& attributes) {
  return status_of(::syscall(SYS_mount_setattr, dir, path, flags, &attributes, sizeof attributes));
}

Status pivot_root(const char* new_root, const char* put_old) {
  return status_of(::syscall(SYS_pivot_root, new_root, put_old));
}

Status chroot(const char* path) {
  return status_of(::chroot(path));
}

Result<pid_t> clone3(clone_args& args) {
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == -1) return fail();
  return static_cast<pid_t>(pid);
}

Result<pid_t> clone_without_clone3(clone_args& args) {
  constexpr uint64_t kNotInClone = CLONE_INTO_CGROUP | CLONE_NEWTIME | CLONE_CLEAR_SIGHAND;
  if (args.flags & kNotInClone) return Status(EINVAL);
  // CLONE_PIDFD uses the parent_tid argument. The order of the last two differs between architectures
  // (clone(2)); both are 0 here.
  const long pid = ::syscall(SYS_clone, args.flags | args.exit_signal, 0, args.pidfd, 0, 0);
  if (pid == -1) return fail();
  return static_cast<pid_t>(pid);
}

Result<UniqueFd> pidfd_open(pid_t pid) {
  return owned(::syscall(SYS_pidfd_open, pid, 0));
}

Result<UniqueFd> pidfd_getfd(int pidfd, int fd) {
  return owned(::syscall(SYS_pidfd_getfd, pidfd, fd, 0));
}

Result<int> seccomp_set_filter(unsigned flags, const sock_fprog* program) {
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
  if (done == -1) return fail();
  return static_cast<int>(done);
}

Status exec_fd(int fd, char* const argv[], char* const envp[]) {
  ::syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
  return fail();
}

Status pidfd_send_signal(int pidfd, int signal) {
  return status_of(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

Status setns(int fd, int type) {
  return status_of(::setns(fd, type));
}

Status unshare(int flags) {
  return status_of(::unshare(flags));
}

Status kill(pid_t pid, int signal) {
  return status_of(::kill(pid, signal));
}

Result<Exit> wait_pidfd(int pidfd) {
  siginfo_t info{};
  if (retry([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED); }) == -1) return fail();
  return Exit{info.si_code, info.si_status};
}

Status reap_others(pid_t except) {
  for (;;) {
    siginfo_t info{};
    if (retry([&] { return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); }) == -1)
      return errno == ECHILD ? kOk : fail();
    if (info.si_pid == 0 || info.si_pid == except) return kOk;
    if (retry([&] { return ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED); }) == -1)
      return fail();
  }
}

Result<UniqueFd> signal_fd(const sigset_t& signals) {
  return owned(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

Result<UniqueFd> timer_fd(unsigned milliseconds) {
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec when{};
  when.it_value.tv_sec = milliseconds / 1000;
  when.it_value.tv_nsec = static_cast<long>(milliseconds % 1000) * 1'000'000;
  if (!timer.valid() || ::timerfd_settime(timer.get(), 0, &when, nullptr) == -1) return fail();
  return timer;
}

Result<UniqueFd> event_fd() {
  return owned(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

Status set_dumpable(bool on) {
  return status_of(::prctl(PR_SET_DUMPABLE, on ? 1UL : 0UL, 0UL, 0UL, 0UL));
}

Status set_parent_death_signal(int signal) {
  return status_of(::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal), 0UL, 0UL, 0UL));
}

}  // namespace crunlite::sys
