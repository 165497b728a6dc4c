// SPDX-License-Identifier: Apache-2.0
#include "runtime/console_socket.h"

#include <sys/ioctl.h>
#include <sys/un.h>

#include <cstring>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::runtime {

UniqueFd connect_console_socket(const std::string& path) {
  UniqueFd out = check(sys::socket(AF_UNIX, SOCK_STREAM, 0), "make a socket");
  // Through a descriptor of the socket itself, which makes any path short enough for sun_path.
  const UniqueFd target = check(sys::open_at(AT_FDCWD, path.c_str(), O_PATH), "open console socket ", path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = cat("/proc/self/fd/", target.get());
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1)
    throw SysError(errno, "connect to console socket ", path);
  return out;
}

void send_console(int socket, const UniqueFd& master) {
  int number = 0;
  if (::ioctl(master.get(), TIOCGPTN, &number) == -1)
    throw SysError(errno, "ask for the name of the terminal");
  const std::string name = cat("/dev/pts/", number);
  check(sys::send_with_fd(socket, name.data(), name.size(), master.get()),
        "send the terminal to the console socket");
}

}  // namespace crunlite::runtime
