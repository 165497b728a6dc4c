// SPDX-License-Identifier: Apache-2.0
// crun-lite-systemd: one request on standard input, one reply on standard output
// (runtime/systemd/protocol.h). crun-lite starts it for the systemd cgroup driver; nobody else needs to.
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/systemd/bus.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kMostRequest = 1u << 20;

int answer_one_request() {
  runtime::UnitReply reply;
  try {
    reply = runtime::carry_out(runtime::decode_request(read_fd(STDIN_FILENO, "the request", kMostRequest)));
  } catch (const std::exception& error) {
    reply = {.error = error.what()};
  }
  return sys::write_all(STDOUT_FILENO, runtime::encode_reply(reply)).ok() ? 0 : 1;
}

}  // namespace
}  // namespace crunlite::cmd

int main(int argc, char**) {
  if (argc > 1 || ::isatty(STDIN_FILENO)) {
    (void)crunlite::sys::write_all(STDERR_FILENO,
                                   "crun-lite-systemd is started by crun-lite --systemd-cgroup\n");
    return 1;
  }
  return crunlite::cmd::answer_one_request();
}
