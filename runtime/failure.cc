// SPDX-License-Identifier: Apache-2.0
#include "runtime/failure.h"

#include "base/error.h"

namespace crunlite::runtime {

void throw_failure(const Frame& frame) {
  const std::string text = printable(frame.text);
  switch (frame.kind) {
    case FailureKind::kNotFound:
      throw Error(ErrorKind::kCommandNotFound, frame.text);
    case FailureKind::kNotExecutable:
      throw Error(ErrorKind::kCommandNotExecutable, frame.text);
    case FailureKind::kSystem:
    case FailureKind::kExplained:
      break;
  }
  if (frame.error == 0) throw Error(ErrorKind::kSystem, text);
  throw SysError(frame.error, text);
}

void wait_for_execution(int connection) {
  Frame frame;
  const sys::Status status = receive_message(connection, frame);
  if (status.error() == EPIPE) return;
  if (status.error() == ECONNRESET)
    throw Error(ErrorKind::kState, "cannot start an already running container");
  check(status, "wait for the container's program to be executed");
  if (frame.msg == Msg::kFailed) throw_failure(frame);
  throw Error(ErrorKind::kSystem, "unexpected answer from the container's init");
}

}  // namespace crunlite::runtime
