// SPDX-License-Identifier: Apache-2.0
// The owner of a process that we started: killed and reaped unless it is handed over. Also a small spawner
// for the programs that crun-lite calls by absolute path (hooks, newuidmap); never a shell.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/sys.h"

namespace crunlite {

class Child {
 public:
  Child() = default;
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill_and_reap(); }

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  bool running() const { return pidfd_.valid(); }

  // Blocks until it ends. Throws SysError.
  sys::Exit wait();
  // As wait(), or nothing when `timeout` passes first.
  std::optional<sys::Exit> wait_for(std::chrono::milliseconds timeout);
  void kill_and_reap();
  // Somebody else reaps it from now on (our caller's subreaper, or the monitor).
  void detach();

 private:
  pid_t pid_ = 0;
  UniqueFd pidfd_;
};

struct SpawnOptions {
  std::string path;  // absolute
  std::vector<std::string> args;
  std::vector<std::string> env;
  // Descriptors of ours for the new process's 0, 1 and 2; -1: /dev/null.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  int directory_fd = -1;      // its working directory; -1: ours
  std::vector<int> more_fds;  // descriptors of ours that become its 3, 4, …
  // For what must finish although somebody presses Ctrl-C: SIGINT, SIGQUIT and SIGHUP stay blocked in it.
  bool outlives_terminal = false;
};
// Starts a program of the host with nothing of ours inherited but these descriptors. Throws SysError.
Child spawn(const SpawnOptions& options);

}  // namespace crunlite
