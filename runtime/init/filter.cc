// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/filter.h"

#include <linux/filter.h>

#include "runtime/init/steps.h"

namespace crunlite::runtime {
namespace {

sock_fprog as_argument(const std::vector<sock_filter>& instructions) {
  return {static_cast<unsigned short>(instructions.size()), const_cast<sock_filter*>(instructions.data())};
}

}  // namespace

sys::Status load_filter(const SeccompProgram& seccomp) {
  if (seccomp.instructions.empty()) return sys::kOk;
  const sock_fprog program = as_argument(seccomp.instructions);
  return sys::seccomp_set_filter(seccomp.flags, &program).status();
}

namespace steps {

// The part that notifies comes while the parent is still there to take the listener. From here on every call
// of ours that the profile names waits for the agent, which gets to know the listener before anything else:
// the parent hands it on as soon as it hears of it.
Status load_notifying_filter(Init& init) {
  const SeccompProgram& seccomp = init.plan.seccomp;
  if (seccomp.notifying.empty()) return sys::kOk;
  const sock_fprog program = as_argument(seccomp.notifying);
  const sys::Result<int> listener = sys::seccomp_set_filter(seccomp.notifying_flags, &program);
  if (!listener.ok()) return listener.status();
  // Nobody closes it here: that call, too, may be notified. execve does.
  if (!init.plan.sendmsg_is_notified) return send_message(init.channel.get(), Msg::kListener, *listener);
  Frame frame;
  frame.msg = Msg::kListener;
  frame.error = *listener;
  const sys::Result<size_t> sent = sys::write(init.channel.get(), &frame, sizeof frame);
  return sent.status();
}

// As late as can be: nothing but execve is left to do.
Status load_seccomp(Init& init) {
  if (init.filter_loaded) return sys::kOk;
  init.filter_loaded = true;
  return load_filter(init.plan.seccomp);
}

Status load_seccomp_before_entering(Init& init) {
  // One with a listener comes when the parent knows the process that has it.
  if (!init.plan.filter_before_entering || !init.plan.namespaces.pid_by_successor) return sys::kOk;
  if (!init.plan.seccomp.notifying.empty()) return sys::kOk;
  if (Status st = load_seccomp(init); !st.ok()) return st;
  return set_capabilities(init);  // now without what loading it took
}

}  // namespace steps
}  // namespace crunlite::runtime
