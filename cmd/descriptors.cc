// SPDX-License-Identifier: Apache-2.0
#include "cmd/descriptors.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

namespace crunlite::cmd {
namespace {

// sd_listen_fds(3): meant for us only when LISTEN_PID is our pid.
unsigned announced_fds() {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  if (!pid || !count || parse_number<pid_t>(pid) != ::getpid()) return 0;
  return parse_number<unsigned>(count).value_or(0);
}

}  // namespace

void complete_descriptors(const Globals& globals, unsigned& preserve_fds, unsigned& listen_fds) {
  listen_fds = announced_fds();
  // First those of socket activation, then --preserve-fds more, as with runc and crun. Their sum may be more
  // than an unsigned holds: what is beyond the caller's own would be ours.
  if (uint64_t{preserve_fds} + listen_fds > globals.inherited_fds)
    throw Error(ErrorKind::kUsage, "unable to preserve file descriptor ", 3 + globals.inherited_fds,
                ": it is not open");
  preserve_fds += listen_fds;
}

}  // namespace crunlite::cmd
