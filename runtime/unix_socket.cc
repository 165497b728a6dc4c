// SPDX-License-Identifier: Apache-2.0
#include "runtime/unix_socket.h"

#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::runtime {
namespace {

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;
};

Address address_of(std::string_view path, bool abstract) {
  Address out;
  if (path.size() >= sizeof out.name.sun_path)
    throw Error(ErrorKind::kConfig, "the name of socket ", quote(path), " is too long");
  out.name.sun_family = AF_UNIX;
  std::memcpy(out.name.sun_path, path.data(), path.size());
  if (abstract) out.name.sun_path[0] = 0;
  // The length of an abstract name counts; that of a path ends with its NUL.
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return out;
}

}  // namespace

UniqueFd connect_unix(const std::string& path, int type, std::string_view what) {
  UniqueFd out = check(sys::socket(AF_UNIX, type, 0), "make a socket");
  UniqueFd target;
  Address address;
  if (path.starts_with('@')) {
    address = address_of(path, true);
  } else {
    // Through a descriptor of the socket itself, which makes any path short enough for sun_path.
    target = check(sys::open_at(AT_FDCWD, path.c_str(), O_PATH), "open ", what, " ", path);
    address = address_of(cat("/proc/self/fd/", target.get()), false);
  }
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&address.name), address.size) == -1)
    throw SysError(errno, "connect to ", what, " ", path);
  return out;
}

void send_pidfd(const std::string& path, int pidfd, std::string_view name) {
  const UniqueFd socket = connect_unix(path, SOCK_STREAM, "pidfd socket");
  check(sys::send_with_fd(socket.get(), name.data(), name.size(), pidfd), "send the pidfd to ", path);
}

}  // namespace crunlite::runtime
