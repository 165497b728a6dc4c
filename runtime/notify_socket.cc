// SPDX-License-Identifier: Apache-2.0
#include "runtime/notify_socket.h"

#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/sys.h"
#include "runtime/unix_socket.h"

namespace crunlite::runtime {
namespace {

constexpr char kDirectory[] = "notify";
constexpr char kSocketName[] = "notify.sock";
constexpr std::string_view kInContainer = "/run/notify";
constexpr std::string_view kVariable = "NOTIFY_SOCKET=";

bool says_ready(std::string_view message) {
  const std::vector<std::string_view> lines = split(message, '\n');
  return std::ranges::find(lines, "READY=1") != lines.end();
}

// Our caller looks up which service we are by our pid: we have to live until it has read what we sent
// (sd_notify_barrier(3)). Who does not know the message drops the descriptor at once.
void wait_until_read(int socket) {
  constexpr int kPatienceMs = 30'000;
  sys::PipeEnds pipe = check(sys::pipe(), "pipe");
  constexpr std::string_view kBarrier = "BARRIER=1";
  check(sys::send_with_fd(socket, kBarrier.data(), kBarrier.size(), pipe.write.get()), "send BARRIER=1");
  pipe.write.reset();
  pollfd end{pipe.read.get(), 0, 0};
  while (::poll(&end, 1, kPatienceMs) == -1 && errno == EINTR) continue;
}

}  // namespace

void give_notify_socket(int state_dir, const std::string& state_path, oci::Spec& spec) {
  if (!spec.process) return;  // nobody to tell us
  std::vector<std::string>& env = spec.process->env;
  if (std::ranges::any_of(env, [](const std::string& entry) { return entry.starts_with(kVariable); })) return;
  check(sys::mkdir_at(state_dir, kDirectory, 0755), "create directory ", kDirectory);
  const UniqueFd dir =
      check(sys::open_at(state_dir, kDirectory, O_RDONLY | O_DIRECTORY), "open ", kDirectory);
  check(sys::fchmod(dir.get(), 0755), "set the mode of ", kDirectory);
  spec.mounts.push_back({.destination = std::string(kInContainer),
                         .type = "bind",
                         .source = cat(state_path, "/", kDirectory),
                         .options = {"bind", "nosuid", "noexec", "nodev", "ro"}});
  env.push_back(cat(kVariable, kInContainer, "/", kSocketName));
}

NotifySocket::NotifySocket(int state_dir, std::string host, MainPid main_pid)
    : host_(std::move(host)), main_pid_(main_pid) {
  if (host_.empty()) return;
  sys::Result<UniqueFd> dir = sys::open_at(state_dir, kDirectory, O_PATH | O_DIRECTORY);
  if (dir.error() == ENOENT) return;
  check(dir.status(), "open ", kDirectory);
  socket_ = check(sys::socket(AF_UNIX, SOCK_DGRAM, 0), "create a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = cat("/proc/self/fd/", dir->get(), "/", kSocketName);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  (void)sys::unlink_at(dir->get(), kSocketName);  // of a start that failed
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1)
    throw SysError(errno, "bind ", kSocketName);
  // The container's user is anybody.
  check(sys::chmod_at(dir->get(), kSocketName, 0777), "set the mode of ", kSocketName);
}

void NotifySocket::read(pid_t init) {
  char message[4096];
  const sys::Result<size_t> got = sys::read(socket_.get(), message, sizeof message);
  if (got.ok() && !says_ready({message, *got})) return;
  socket_.reset();
  if (!got.ok()) return;
  try {
    tell_host(init);
  } catch (const Error& error) {
    log::warning(cat("NOTIFY_SOCKET: ", error.what()));
  }
}

void NotifySocket::tell_host(pid_t init) const {
  const UniqueFd host = connect_unix(host_, SOCK_DGRAM, "socket");
  const std::string text = main_pid_ == MainPid::kTell ? cat("MAINPID=", init, "\nREADY=1\n") : "READY=1\n";
  check(sys::send_with_fd(host.get(), text.data(), text.size(), -1), "send READY=1");
  if (main_pid_ == MainPid::kTell) wait_until_read(host.get());  // otherwise we stay anyway
}

void NotifySocket::wait(pid_t init, int pidfd) {
  while (waiting()) {
    pollfd events[] = {{fd(), POLLIN, 0}, {pidfd, POLLIN, 0}};
    if (::poll(events, 2, -1) == -1 && errno != EINTR) throw SysError(errno, "wait for the container");
    if (events[0].revents)
      read(init);
    else if (events[1].revents)
      return;
  }
}

}  // namespace crunlite::runtime
