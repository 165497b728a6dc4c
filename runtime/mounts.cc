// SPDX-License-Identifier: Apache-2.0
#include "runtime/mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "oci/codec.h"
#include "rootfs/instance.h"
#include "rootfs/mount_options.h"
#include "rootfs/mount_plan.h"
#include "rootfs/mount_source.h"
#include "runtime/failure.h"
#include "runtime/init/mounter.h"
#include "runtime/joining.h"
#include "runtime/state_dir.h"
#include "runtime/status.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

struct Joined {
  int type;
  const char* name;  // below /proc/PID/ns
};
// mqueue shows the ipc namespace of its maker, sysfs the network namespace. User first: for its privileges.
constexpr Joined kForMounting[] = {
    {CLONE_NEWUSER, "user"}, {CLONE_NEWNET, "net"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWNS, "mnt"}};
// With our own privileges: what was mounted from outside cannot be taken off by the container's root.
constexpr Joined kForUnmounting[] = {{CLONE_NEWNS, "mnt"}};

// A running container, which nobody deletes meanwhile.
struct Target {
  StateDir dir;
  Record record;
  Situation now;
};

Target open_target(const Ref& container) {
  StateDir dir = StateDir::open(container);
  dir.lock();
  Record record = dir.read();
  Situation now = situation_of(dir, record, open_proc());
  if (!now.init) throw Error(ErrorKind::kState, "container not running");
  if (record.root_mount != 0)
    throw Error(ErrorKind::kUnsupported, "container ", record.id, " has no mount namespace of its own")
        .with_remedy(cat("mount below ", record.rootfs, " instead"));
  return {std::move(dir), std::move(record), std::move(now)};
}

template <size_t N>
std::vector<NamespaceJoin> namespaces_of(const Target& target, const Joined (&wanted)[N]) {
  NamespacePlan plan;
  const Proc& proc = open_proc();
  for (const Joined& ns : wanted) {
    const std::string path = cat(target.record.init.pid, "/ns/", ns.name);
    plan.join.push_back({check(sys::open_at(proc.fd(), path.c_str(), O_RDONLY), "open namespace ", ns.name),
                         ns.type, ns.name});
  }
  // The pid was the init's when we looked; it still is, or what we have opened is a stranger's.
  if (!sys::pidfd_send_signal(target.now.init->get(), 0).ok())
    throw Error(ErrorKind::kState, "container not running");
  open_namespaces(plan);
  return std::move(plan.join);
}

bool joins(const MounterPlan& plan, int type) {
  return std::ranges::find(plan.join, type, &NamespaceJoin::type) != plan.join.end();
}

// Types without a source that is a path: those are looked up in the root of whoever mounts, and in there it
// would be the container who says what lies at a path.
bool has_no_source(std::string_view type) {
  constexpr std::string_view kTypes[] = {"devpts", "mqueue", "ramfs", "sysfs", "tmpfs"};
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

// No device or mount point is still to be made in what is mounted here: it is read-only from the beginning.
void read_only_at_once(rootfs::MountOp& op) {
  if (std::exchange(op.read_only_later, false)) op.attributes.set |= MOUNT_ATTR_RDONLY;
}

void prepare_instances(const std::vector<oci::Mount>& mounts, rootfs::RootfsPlan& plan) {
  for (rootfs::MountOp& op : plan.mounts) {
    op.bind_when_denied.clear();
    if (op.kind == rootfs::MountKind::kFilesystem)
      op.attributes = rootfs::parse_mount_options(mounts[op.index].options).attributes;
    read_only_at_once(op);
    if (op.kind != rootfs::MountKind::kFilesystem || has_no_source(op.type)) continue;
    Note note;
    note.set("mount ", op.source, " of type ", op.type);
    sys::Result<UniqueFd> tree = rootfs::new_instance(op, op.data, note);
    op.tree = check(std::move(tree), note.view());
    op.kind = rootfs::MountKind::kBind;
  }
}

void refuse_what_carries(const std::vector<oci::Mount>& mounts) {
  for (size_t i = 0; i < mounts.size(); ++i) {
    const std::string destination = rootfs::clean_path(mounts[i].destination);
    if (destination == "/" || destination == "/proc")
      throw Error(ErrorKind::kConfig, "mounts[", i, "]: ", destination,
                  " of a container that runs already stays as it is");
  }
}

// Both belong to those who mount them: the one to our pid namespace, the other to our cgroup.
void refuse_types(const std::vector<oci::Mount>& mounts) {
  for (size_t i = 0; i < mounts.size(); ++i)
    if (mounts[i].type == "proc" || mounts[i].type == "cgroup" || mounts[i].type == "cgroup2")
      throw Error(ErrorKind::kUnsupported, "mounts[", i, "]: ", mounts[i].type,
                  " cannot be mounted in a container that runs already");
}

void run_in_container(MounterPlan& plan) {
  plan.joined_user = joins(plan, CLONE_NEWUSER);
  plan.proc = check(Proc::open(), "open a private procfs");
  sys::SocketPair channel = check(sys::socket_pair(SOCK_SEQPACKET), "create a channel to the mounter");
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  sys::Result<pid_t> pid = sys::clone3(args);
  if (sys::clone3_may_be_missing(pid.error())) pid = sys::clone_without_clone3(args);
  if (check(pid, "start the mounter") == 0) {
    channel.first.reset();
    run_mounter(plan, std::move(channel.second));
  }
  Child child(*pid, UniqueFd(pidfd));
  channel.second.reset();
  Frame frame;
  const sys::Status answered = receive_message(channel.first.get(), frame);
  (void)child.wait();
  check(answered, "wait for the mounter");
  if (frame.msg != Msg::kReady) throw_failure(frame);
}

}  // namespace

std::vector<oci::Mount> parse_mounts(std::string_view text, const std::string& name) {
  json::Value document = json::parse(text, name);
  if (document.if_array()) document = json::Object{{"mounts", std::move(document)}};
  std::vector<std::string> problems;
  std::vector<oci::Mount> mounts = oci::decode_mounts(document, problems);
  if (problems.empty()) {
    Findings findings = validate_mounts(mounts);
    problems = std::move(findings.problems);
  }
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", join(problems, "; "));
  return mounts;
}

void add_mounts(const Ref& container, const std::vector<oci::Mount>& mounts) {
  refuse_what_carries(mounts);
  refuse_types(mounts);
  const Target target = open_target(container);
  MounterPlan plan;
  plan.join = namespaces_of(target, kForMounting);
  const bool user = joins(plan, CLONE_NEWUSER);
  oci::Spec spec;
  spec.mounts = mounts;
  plan.rootfs = rootfs::build_rootfs_plan(
      spec, {.path = "", .bundle = target.record.bundle, .no_pivot = false, .bind_devices = user});
  // Bound from here, too: in there, a path of the host means something else.
  const int userns = user ? plan.join.front().fd.get() : -1;
  rootfs::open_sources(spec, true, userns, plan.rootfs);
  for (const rootfs::MountOp& op : plan.rootfs.mounts)
    if (op.kind == rootfs::MountKind::kBind && !op.tree.valid())
      throw Error(ErrorKind::kUnsupported, "mounts[", op.index, "]: to bind ", op.source,
                  " takes privileges in the mount namespace that it is in");
  prepare_instances(mounts, plan.rootfs);
  run_in_container(plan);
}

void remove_mounts(const Ref& container, const std::vector<oci::Mount>& mounts) {
  refuse_what_carries(mounts);
  const Target target = open_target(container);
  MounterPlan plan;
  plan.join = namespaces_of(target, kForUnmounting);
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount)
    plan.unmount.push_back(rootfs::clean_path(mount->destination));
  if (!plan.unmount.empty()) run_in_container(plan);
}

}  // namespace crunlite::runtime
