// SPDX-License-Identifier: Apache-2.0
#include "runtime/console_socket.h"

#include <sys/ioctl.h>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::runtime {

void send_console(int socket, const UniqueFd& master) {
  int number = 0;
  if (::ioctl(master.get(), TIOCGPTN, &number) == -1)
    throw SysError(errno, "ask for the name of the terminal");
  const std::string name = cat("/dev/pts/", number);
  check(sys::send_with_fd(socket, name.data(), name.size(), master.get()),
        "send the terminal to the console socket");
}

}  // namespace crunlite::runtime
