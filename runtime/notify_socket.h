// SPDX-License-Identifier: Apache-2.0
// sd_notify(3) for containers: the caller's NOTIFY_SOCKET is on the host, so the container gets one of its
// own at /run/notify/notify.sock, and what arrives there about readiness is passed on, with the pid of the
// container's init where systemd is to watch that. Only readiness: a container does not command its manager.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"
#include "oci/spec.h"

namespace crunlite::runtime {

// In create: makes the directory that holds the socket below the state directory, and gives the container a
// mount and a variable for it. Leaves a document alone that has its own NOTIFY_SOCKET (podman under conmon).
void give_notify_socket(int state_dir, const std::string& state_path, oci::Spec& spec);

enum class MainPid { kTell, kKeep };

class NotifySocket {
 public:
  // In start, before the program can send anything: binds the container's end. `host` is our own
  // NOTIFY_SOCKET: a path, or "@name". Nothing to do (waiting() is false) when create did not prepare it.
  // Throws SysError.
  NotifySocket(int state_dir, std::string host, MainPid main_pid);

  // Readable when the container has sent something; -1 when there is nothing to wait for any more.
  int fd() const { return socket_.get(); }
  bool waiting() const { return socket_.valid(); }
  // Reads one message; passes "READY=1" on, and is content with that. Failures to do so are warnings: the
  // container runs.
  void read(pid_t init);
  // Until it is ready or has ended.
  void wait(pid_t init, int pidfd);

 private:
  void tell_host(pid_t init) const;

  std::string host_;
  MainPid main_pid_;
  UniqueFd socket_;
};

}  // namespace crunlite::runtime
