// SPDX-License-Identifier: Apache-2.0
// Namespaces that are joined or made by the child itself, and what is set in new ones.
#include <linux/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "runtime/init/join.h"
#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

Status wait_for(Init& init, Msg wanted) {
  Frame frame;
  if (Status st = receive_message(init.channel.get(), frame); !st.ok()) return st;
  return frame.msg == wanted ? sys::kOk : Status(EBADMSG);
}

bool wants_labels(const InitPlan& plan) {
  return !plan.apparmor_exec.empty() || !plan.selinux_exec.empty();
}

}  // namespace

Status join_namespaces(Init& init) {
  std::vector<NamespaceJoin>& list = init.plan.namespaces.join;
  if (list.empty()) return sys::kOk;
  // Before anybody in there can see us (CVE-2016-9962). With a user namespace of our own it has to wait:
  // an unprivileged parent could not write the id maps of a process that hides.
  if (!init.plan.namespaces.new_user)
    if (Status st = hide_from_container(init); !st.ok()) return st;
  // The procfs of the container that we are about to join may be anything. Its pid namespace is ours already.
  if (!init.plan.rootfs && wants_labels(init.plan))
    if (Status st = open_proc(init); !st.ok()) return st;
  return join_all(list, init.note);
}

// New namespaces beside a joined user namespace must belong to it, so they are made after joining; and a pid
// namespace only takes in children. This process makes the one that goes on, as a child of our parent.
Status continue_in_user_namespace(Init& init) {
  const NamespacePlan& plan = init.plan.namespaces;
  if (!plan.joined_user) return sys::kOk;
  if (Status st = become_root(init); !st.ok()) return st;
  if (plan.unshare_joined == 0) return sys::kOk;
  if (Status st = sys::unshare(plan.unshare_joined); !st.ok()) return st;
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PARENT | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  sys::Result<pid_t> pid = sys::clone3(args);
  if (sys::clone3_may_be_missing(pid.error())) pid = sys::clone_without_clone3(args);
  if (!pid.ok()) return pid.status();
  if (*pid == 0) {
    if (Status st = sys::set_parent_death_signal(SIGKILL); !st.ok()) return st;
    return start_session(init);  // of the one that we follow only that one is the leader
  }
  const Status sent = send_message(init.channel.get(), Msg::kSuccessor, pidfd);
  _exit(sent.ok() ? 0 : 1);
}

Status set_time_offsets(Init& init) {
  const NamespacePlan& plan = init.plan.namespaces;
  if (!plan.time_by_hand) return sys::kOk;
  // The offsets can be written only until somebody enters the namespace: made for our children, set, entered.
  init.note.set("of a new time namespace");
  if (Status st = sys::unshare(CLONE_NEWTIME); !st.ok()) return st;
  if (Status st = open_proc(init); !st.ok()) return st;
  if (!plan.time_offsets.empty()) {
    Status st = init.proc.write_file("self/timens_offsets", plan.time_offsets);
    // time_namespaces(7): no clock may be before zero, or far beyond a century.
    if (st.error() == ERANGE) init.note.add(" (a clock would be negative or too far ahead)");
    if (!st.ok()) return st;
  }
  sys::Result<UniqueFd> ns = sys::open_at(init.proc.fd(), "self/ns/time_for_children", O_RDONLY);
  if (!ns.ok()) return ns.status();
  return sys::setns(ns->get(), CLONE_NEWTIME);
}

Status wait_for_id_maps(Init& init) {
  if (!init.plan.namespaces.new_user) return sys::kOk;
  return wait_for(init, Msg::kProceed);
}

Status become_root(Init& init) {
  if (!init.plan.namespaces.new_user && !init.plan.namespaces.joined_user) return sys::kOk;
  // Until now our ids are the caller's, which may not be mapped: files that we make must belong to somebody.
  if (::syscall(SYS_setresgid, 0, 0, 0) == -1 || ::syscall(SYS_setresuid, 0, 0, 0) == -1) return sys::fail();
  // Changing ids clears the parent-death signal (prctl(2)).
  return sys::set_parent_death_signal(SIGKILL);
}

Status hide_from_container(Init&) {
  // Nobody in the namespaces that we have joined may trace us or open our descriptors (CVE-2016-9962) until
  // execve makes us the container's own.
  return sys::set_dumpable(false);
}

Status wait_for_cgroup(Init& init) {
  if (!init.plan.wait_for_placement || init.plan.namespaces.new_user) return sys::kOk;
  return wait_for(init, Msg::kProceed);
}

Status unshare_late(Init& init) {
  const int flags = init.plan.namespaces.unshare_late;
  if (flags == 0) return sys::kOk;
  init.note.set("cgroup");
  return sys::unshare(flags);
}

Status set_hostname(Init& init) {
  const std::string& name = init.plan.hostname;
  if (name.empty()) return sys::kOk;
  init.note.set(name);
  return ::sethostname(name.data(), name.size()) == -1 ? sys::fail() : sys::kOk;
}

Status set_domainname(Init& init) {
  const std::string& name = init.plan.domainname;
  if (name.empty()) return sys::kOk;
  init.note.set(name);
  return ::setdomainname(name.data(), name.size()) == -1 ? sys::fail() : sys::kOk;
}

// A new network namespace has a loopback device that is down. Every caller of runc and crun finds it up, and
// programs that talk to themselves over 127.0.0.1 rely on it. One that is joined is its maker's affair.
Status bring_up_loopback(Init& init) {
  const NamespacePlan& plan = init.plan.namespaces;
  if (((plan.clone | static_cast<uint64_t>(plan.unshare_joined)) & CLONE_NEWNET) == 0) return sys::kOk;
  init.note.set("lo");
  const UniqueFd socket(static_cast<int>(::syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  if (!socket.valid()) return sys::fail();
  ifreq request{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {.ifru_flags = IFF_UP}};
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == -1 ? sys::fail() : sys::kOk;
}

Status write_sysctls(Init& init) {
  if (init.plan.sysctls.empty()) return sys::kOk;
  if (Status st = open_proc(init); !st.ok()) return st;
  for (const Sysctl& sysctl : init.plan.sysctls) {
    init.note.set(sysctl.path, "=", sysctl.value);
    if (Status st = init.proc.write_file(sysctl.path.c_str(), sysctl.value); !st.ok()) return st;
  }
  return sys::kOk;
}

}  // namespace crunlite::runtime::steps
