// SPDX-License-Identifier: Apache-2.0
// The child: turns a process that has just been cloned into the container's init by walking a table of steps,
// and executes the program when it is told to. Async-signal-safe from the first line: no allocation, no
// exceptions, no stdio, no NSS, raw system calls where glibc would trust its cached ids.
#pragma once

#include "base/note.h"
#include "base/proc.h"
#include "base/rooted_dir.h"
#include "runtime/init/message.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

// What the steps share.
struct Init {
  InitPlan& plan;
  UniqueFd channel;
  Note note{};            // what the current step is working on
  FailureKind failure{};  // how it failed, if not simply with an errno
  RootedDir root{};       // the container's root, before and after it is entered
  bool has_proc = false;
  Proc proc{};         // open_proc()
  UniqueFd starter{};  // the connection of `start`, once it is there
  mode_t caller_umask = 0;
  bool filter_loaded = false;
  PathText executable{};
  PathText home{};
  FixedText<32> listen_pid{};
};

// Never returns: executes the program, or reports the failure and ends.
[[noreturn]] void run_init(InitPlan& plan, UniqueFd channel);

// The private procfs, opened when a step first needs it.
sys::Status open_proc(Init& init);

}  // namespace crunlite::runtime
