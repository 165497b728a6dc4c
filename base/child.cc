// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"

#include <poll.h>
#include <spawn.h>

#include "base/error.h"

namespace crunlite {
namespace {

// posix_spawn's own resources; it uses vfork inside, so the page tables are not copied.
class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  void use(int fd, int target) {
    if (fd < 0) {
      ::posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0);
    } else {
      ::posix_spawn_file_actions_adddup2(&actions_, fd, target);
    }
  }
  void enter(int directory) {
    if (directory >= 0) ::posix_spawn_file_actions_addfchdir_np(&actions_, directory);
  }
  void close_from(size_t first) {
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, static_cast<int>(first));
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class SpawnAttributes {
 public:
  explicit SpawnAttributes(bool outlives_terminal) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t blocked;
    sigset_t all;
    ::sigemptyset(&blocked);
    if (outlives_terminal)
      for (const int signal : {SIGINT, SIGQUIT, SIGHUP}) ::sigaddset(&blocked, signal);
    ::sigfillset(&all);
    // A program that we start must not inherit our signal mask or ignored signals.
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

constexpr size_t kFirst = 3;

// Copies above the numbers that they are to have, so that none overwrites another on its way there.
std::vector<UniqueFd> out_of_the_way(const std::vector<int>& fds) {
  std::vector<UniqueFd> out;
  for (const int fd : fds) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(kFirst + fds.size())));
    if (!copy.valid()) throw SysError(errno, "copy descriptor ", fd);
    out.push_back(std::move(copy));
  }
  return out;
}

std::vector<char*> as_argv(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = std::exchange(other.pid_, 0);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

sys::Exit Child::wait() {
  const sys::Exit exit = check(sys::wait_pidfd(pidfd_.get()), "wait for process ", pid_);
  pidfd_.reset();
  return exit;
}

std::optional<sys::Exit> Child::wait_for(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd poll_fd{pidfd_.get(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
    if (ready > 0) return wait();
    if (ready == 0) return std::nullopt;
    if (errno != EINTR) throw SysError(errno, "wait for process ", pid_);
  }
}

void Child::kill_and_reap() {
  if (!pidfd_.valid()) return;
  (void)sys::pidfd_send_signal(pidfd_.get(), SIGKILL);
  (void)sys::wait_pidfd(pidfd_.get());
  pidfd_.reset();
}

void Child::detach() {
  pidfd_.reset();
}

Child spawn(const SpawnOptions& options) {
  FileActions actions;
  const std::vector<UniqueFd> moved = out_of_the_way(options.more_fds);
  actions.use(options.stdin_fd, STDIN_FILENO);
  actions.use(options.stdout_fd, STDOUT_FILENO);
  actions.use(options.stderr_fd, STDERR_FILENO);
  actions.enter(options.directory_fd);
  for (size_t i = 0; i < moved.size(); ++i) actions.use(moved[i].get(), static_cast<int>(kFirst + i));
  actions.close_from(kFirst + moved.size());
  const SpawnAttributes attributes(options.outlives_terminal);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, options.path.c_str(), actions.get(), attributes.get(),
                                  as_argv(options.args).data(), as_argv(options.env).data());
  if (error) throw SysError(error, "start ", options.path);
  // The pid cannot be reused before we have reaped it, so the pidfd is of this process.
  return Child(pid, check(sys::pidfd_open(pid), "pidfd_open of ", options.path));
}

}  // namespace crunlite
