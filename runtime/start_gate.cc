// SPDX-License-Identifier: Apache-2.0
#include "runtime/start_gate.h"

#include <sys/un.h>

#include <cstring>

#include "base/error.h"
#include "runtime/failure.h"
#include "runtime/init/message.h"

namespace crunlite::runtime {
namespace {

// A socket's path has room for 107 bytes and a state directory may be longer: the address is relative, and
// the working directory is the state directory for the moment of the call.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(int dir)
      : before_(check(sys::open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY), "open the working directory")) {
    check(sys::fchdir(dir), "enter the state directory");
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { (void)sys::fchdir(before_.get()); }

 private:
  UniqueFd before_;
};

sockaddr_un gate_address() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kStartGateName, sizeof kStartGateName);
  return address;
}

UniqueFd gate_socket(int flags = 0) {
  return check(sys::socket(AF_UNIX, SOCK_SEQPACKET | flags, 0), "create a socket");
}

// ENOENT and ECONNREFUSED: nobody waits.
sys::Status connect_gate(int state_dir, int socket) {
  const WorkingDirectory in_state_dir(state_dir);
  const sockaddr_un address = gate_address();
  const int done = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return done == -1 ? sys::fail() : sys::kOk;
}

bool means_nobody(int error) {
  return error == ENOENT || error == ECONNREFUSED;
}

}  // namespace

UniqueFd StartGate::create(int state_dir) {
  UniqueFd gate = gate_socket();
  // bind(2) takes the mode of the descriptor and the umask: nobody else may even try.
  check(sys::fchmod(gate.get(), 0600), "set the mode of ", kStartGateName);
  const WorkingDirectory in_state_dir(state_dir);
  const sockaddr_un address = gate_address();
  if (::bind(gate.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1)
    throw SysError(errno, "bind ", kStartGateName);
  constexpr int kWaitingStarts = 16;
  if (::listen(gate.get(), kWaitingStarts) == -1) throw SysError(errno, "listen on ", kStartGateName);
  return gate;
}

bool StartGate::waiting(int state_dir) {
  const UniqueFd socket = gate_socket(SOCK_NONBLOCK);
  const sys::Status status = connect_gate(state_dir, socket.get());
  if (means_nobody(status.error())) return false;
  // The queue is full: an init that is frozen or runs a hook takes nobody in. It is there all the same.
  if (status.error() == EAGAIN) return true;
  check(status, "connect to ", kStartGateName);
  return true;
}

void StartGate::open(int state_dir) {
  const UniqueFd socket = gate_socket();
  const sys::Status connected = connect_gate(state_dir, socket.get());
  if (means_nobody(connected.error()))
    throw Error(ErrorKind::kState, "the container's init is not waiting to be started");
  check(connected, "connect to ", kStartGateName);
  check(send_message(socket.get(), Msg::kStart), "send the start to the container's init");
  wait_for_execution(socket.get());
  const sys::Status removed = sys::unlink_at(state_dir, kStartGateName);
  if (removed.error() != ENOENT) check(removed, "remove ", kStartGateName);
}

}  // namespace crunlite::runtime
