// SPDX-License-Identifier: Apache-2.0
// The door of a running container: from here on its processes can see the one that joins them, and one that
// holds CAP_SYS_PTRACE can read it, write it and take its descriptors, whatever its dumpable flag says
// (ptrace(2); CVE-2016-9962 was the same without that capability). So it comes last: everything else is
// joined and dropped before, and what goes in has nothing of the host's.
#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

using sys::Result;

// Close-on-exec is too late here: all but the channel.
Status close_what_is_the_hosts(Init& init) {
  init.root = RootedDir();
  init.proc = Proc();
  init.has_proc = false;
  return close_what_is_not_needed(init);
}

Status begin_inside(Init& init) {
  if (Status st = sys::set_parent_death_signal(SIGKILL); !st.ok()) return st;
  if (waits_for_adoption(init.plan)) {
    Frame frame;
    if (Status st = receive_message(init.channel.get(), frame); !st.ok()) return st;
  }
  if (::setsid() == -1) return sys::fail();
  return init.plan.console.wanted ? take_terminal() : sys::kOk;
}

}  // namespace

Status enter_pid_namespace(Init& init) {
  if (!init.plan.namespaces.pid_by_successor) return sys::kOk;
  if (Status st = close_what_is_the_hosts(init); !st.ok()) return st;
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PARENT | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  Result<pid_t> pid = sys::clone3(args);
  if (sys::clone3_may_be_missing(pid.error())) pid = sys::clone_without_clone3(args);
  if (!pid.ok()) return pid.status();
  if (*pid == 0) return begin_inside(init);
  const Status sent = send_message(init.channel.get(), Msg::kSuccessor, pidfd);
  _exit(sent.ok() ? 0 : 1);
}

}  // namespace crunlite::runtime::steps
