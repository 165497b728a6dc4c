// SPDX-License-Identifier: Apache-2.0
// Thin wrappers of the system calls that the project uses: an errno instead of -1, EINTR retried where the
// call may simply be repeated, descriptors owned and O_CLOEXEC from birth. No policy lives here. Each is
// documented by the man page of the same name (section 2). Everything here may be called between clone3 and
// execve.
#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace crunlite::sys {

// --- files -------------------------------------------------------------------------------------------------
// Adds O_CLOEXEC. For paths that crun-lite itself owns; anything that an image, a bundle or a container can
// influence goes through RootedDir.
Result<UniqueFd> open_at(int dir, const char* path, int flags, mode_t mode = 0);
Result<UniqueFd> openat2(int dir, const char* path, uint64_t flags, uint64_t resolve, mode_t mode = 0);
Result<size_t> read(int fd, void* buffer, size_t size);
Result<size_t> pread(int fd, void* buffer, size_t size, off_t offset);
Result<size_t> write(int fd, const void* data, size_t size);
Result<size_t> pwrite(int fd, const void* data, size_t size, off_t offset);
// Until all is written.
Status write_all(int fd, std::string_view data);
Result<UniqueFd> dup(int fd);
Status dup2(int fd, int target);  // the copy is inheritable
Status set_cloexec(int fd, bool on);
Result<struct stat> fstat(int fd);
Result<struct stat> stat_at(int dir, const char* path, int flags);
Result<struct statfs> fstatfs(int fd);
Result<struct statx> statx(int dir, const char* path, int flags, unsigned mask);
Status mkdir_at(int dir, const char* path, mode_t mode);
Status mknod_at(int dir, const char* path, mode_t mode, dev_t device);
Status symlink_at(const char* target, int dir, const char* path);
Status link_at(int from_dir, const char* from, int to_dir, const char* to, int flags);
Status unlink_at(int dir, const char* path, int flags = 0);
Status rename_at(int from_dir, const char* from, int to_dir, const char* to, unsigned flags = 0);
Result<size_t> readlink_at(int dir, const char* path, char* buffer, size_t size);
Status fchmod(int fd, mode_t mode);
Status fchown(int fd, uid_t uid, gid_t gid);
// Works on O_PATH descriptors and never follows: fchownat(AT_EMPTY_PATH).
Status chown_path_fd(int fd, uid_t uid, gid_t gid);
// These two never follow a link in the last component.
Status chown_at(int dir, const char* path, uid_t uid, gid_t gid);
Status set_times_at(int dir, const char* path, const timespec& access, const timespec& modification);
// Follows a link: only for a last component that is known to be none (fchmodat2 needs Linux 6.6).
Status chmod_at(int dir, const char* path, mode_t mode);
Status set_times(int fd, const timespec& access, const timespec& modification);
// Of a link itself; `path` is relative to the working directory (setxattrat needs Linux 6.13).
Status set_link_xattr(const char* path, const char* name, std::string_view value);
// NUL-terminated names, one after the other.
Result<size_t> list_xattrs(int fd, char* buffer, size_t size);
Status ftruncate(int fd, off_t size);
Status fsync(int fd);
Status syncfs(int fd);
Status flock(int fd, int operation);
// A write lock on the whole file that belongs to this process (fcntl(2), F_SETLK): children do not share it,
// and the kernel frees it when the process dies. Closing any descriptor of the file frees it too. EAGAIN:
// taken.
enum class Wait { kNo, kYes };
Status lock_file(int fd, Wait wait);
// Who holds a lock that lock_file() would wait for; 0: nobody. -1: somebody in another pid namespace.
Result<pid_t> lock_holder(int fd);
Status set_xattr(int fd, const char* name, std::string_view value);
Result<size_t> get_xattr(int fd, const char* name, char* buffer, size_t size);
Status remove_xattr(int fd, const char* name);
Status fchdir(int fd);
Status close_range(unsigned first, unsigned last, unsigned flags);
// Directory entries as the kernel writes them (getdents64(2)); 0 at the end.
Result<size_t> get_dents(int fd, void* buffer, size_t size);
Result<UniqueFd> memfd_create(const char* name, unsigned flags);

struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};
Result<PipeEnds> pipe(int flags = 0);

// --- sockets -----------------------------------------------------------------------------------------------
struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};
Result<SocketPair> socket_pair(int type);
Result<UniqueFd> socket(int domain, int type, int protocol);
Result<UniqueFd> accept(int socket, int flags);  // SOCK_NONBLOCK; accept4(2)
// One message with at most one descriptor (SCM_RIGHTS, unix(7)); fd < 0 sends none.
Status send_with_fd(int socket, const void* data, size_t size, int fd);
struct Received {
  size_t size = 0;
  UniqueFd fd;
};
Result<Received> receive_with_fd(int socket, void* buffer, size_t size);

Result<UniqueFd> epoll_create();

// --- mounts ------------------------------------------------------------------------------------------------
Status mount(const char* source, const char* target, const char* type, unsigned long flags, const char* data);
Status umount(const char* target, int flags);
Result<UniqueFd> fsopen(const char* type);
Status fsconfig_string(int fs, const char* key, const char* value);
Status fsconfig_flag(int fs, const char* key);
Status fsconfig_create(int fs);
Result<UniqueFd> fsmount(int fs, unsigned attributes);
Result<UniqueFd> open_tree(int dir, const char* path, unsigned flags);
Status move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags);
Status mount_setattr(int dir, const char* path, unsigned flags, const struct mount_attr& attributes);
Status pivot_root(const char* new_root, const char* put_old);
Status chroot(const char* path);

// --- processes ---------------------------------------------------------------------------------------------
// clone3 without a stack: returns twice, like fork. glibc's cached thread id is wrong in the child
// afterwards: use raw calls there.
Result<pid_t> clone3(clone_args& args);
// Sandboxes that do not know clone3 answer ENOSYS or EPERM; a real EPERM comes back from clone(2) too.
constexpr bool clone3_may_be_missing(int error) {
  return error == ENOSYS || error == EPERM;
}
// The same with clone(2): no CLONE_INTO_CGROUP, no CLONE_NEWTIME.
Result<pid_t> clone_without_clone3(clone_args& args);
Result<UniqueFd> pidfd_open(pid_t pid);
// A copy of a descriptor of another process; needs the right to trace it.
Result<UniqueFd> pidfd_getfd(int pidfd, int fd);
// seccomp(SECCOMP_SET_MODE_FILTER); gives the listener with SECCOMP_FILTER_FLAG_NEW_LISTENER, otherwise 0.
Result<int> seccomp_set_filter(unsigned flags, const sock_fprog* program);
// execveat(2) of the open file itself; comes back only with an error.
Status exec_fd(int fd, char* const argv[], char* const envp[]);
Status pidfd_send_signal(int pidfd, int signal);
Status setns(int fd, int type);
Status unshare(int flags);
Status kill(pid_t pid, int signal);
// waitid(P_PIDFD): blocks until the process ends and reaps it; gives si_code and si_status.
struct Exit {
  int code = 0;    // CLD_EXITED, CLD_KILLED or CLD_DUMPED
  int status = 0;  // exit status or signal
  // The shell's convention: 128 + signal.
  int shell_code() const { return code == CLD_EXITED ? status : 128 + status; }
};
Result<Exit> wait_pidfd(int pidfd);
// Reaps every child that has ended except this one, which its owner waits for.
Status reap_others(pid_t except);
// signalfd(2), non-blocking; the caller blocks the signals.
Result<UniqueFd> signal_fd(const sigset_t& signals);
// timerfd(2) of the monotonic clock that fires once, after that many milliseconds; non-blocking.
Result<UniqueFd> timer_fd(unsigned milliseconds);
// eventfd(2), counting from 0; non-blocking.
Result<UniqueFd> event_fd();
Status set_dumpable(bool on);
Status set_parent_death_signal(int signal);

}  // namespace crunlite::sys
