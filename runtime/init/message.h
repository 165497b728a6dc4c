// SPDX-License-Identifier: Apache-2.0
// The words that parent and child say to each other over a SOCK_SEQPACKET channel, and that the start gate's
// two sides use. Every message has one size; anything else is a protocol error. Which may come when is
// runtime/sequence.h's business.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/note.h"
#include "base/sys.h"

namespace crunlite::runtime {

enum class Msg : uint32_t {
  // from the child
  kSuccessor = 1,  // with the pidfd of the process that goes on in its place (user or pid namespace)
  kMapSource,      // with the source of a mount, whose number in the plan is in `error`: its ids
  kRunHooks,       // the mounts are made: prestart and createRuntime hooks
  kConsole,        // with the master of the terminal
  kListener,       // with the listener of the seccomp filter, or its number in `error`
  kReady,          // everything is applied; waits for kStart
  kFailed,         // what the rest of the frame says; the child ends
  // from the parent
  kProceed,  // the child is in its cgroups and its ids are mapped
  kSourceMapped,
  kHooksDone,
  kStart,
};

enum class FailureKind : uint32_t {
  kSystem,         // text and errno (0: the text alone)
  kExplained,      // the text says it all; the errno would mislead
  kNotFound,       // the text alone: exit code 127
  kNotExecutable,  // the text alone: exit code 126
};

struct Frame {
  Msg msg{};
  int32_t error = 0;
  FailureKind kind = FailureKind::kSystem;
  char text[1280] = {};
};

// Sends a message without text; `fd` >= 0 goes with it.
inline sys::Status send_message(int channel, Msg msg, int fd = -1) {
  Frame frame;
  frame.msg = msg;
  return sys::send_with_fd(channel, &frame, sizeof frame, fd);
}

// Waits for a message. EPIPE when the other side is gone, EBADMSG when it is not a frame.
inline sys::Status receive_message(int channel, Frame& frame, UniqueFd* fd = nullptr) {
  sys::Result<sys::Received> received = sys::receive_with_fd(channel, &frame, sizeof frame);
  if (!received.ok()) return received.status();
  if (received->size == 0) return sys::Status(EPIPE);
  if (received->size != sizeof frame) return sys::Status(EBADMSG);
  frame.text[sizeof frame.text - 1] = 0;
  if (fd) *fd = std::move(received->fd);
  return sys::kOk;
}

}  // namespace crunlite::runtime
