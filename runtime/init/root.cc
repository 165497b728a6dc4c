// SPDX-License-Identifier: Apache-2.0
// The container's root: what rootfs/ knows how to do, in the order of runtime.md's lifecycle. A process that
// is executed in a running container has no plan for a root: the one of its mount namespace is taken.
#include "runtime/init/hook.h"
#include "runtime/init/steps.h"

#include "rootfs/devices.h"
#include "rootfs/enter.h"
#include "rootfs/masks.h"
#include "rootfs/mount_exec.h"

namespace crunlite::runtime::steps {
namespace {

// Runs `body` with the plan of the root, if there is one.
template <class Body>
Status with_root(Init& init, Body body) {
  return init.plan.rootfs ? body(*init.plan.rootfs) : sys::kOk;
}

// Mapping ids takes more privilege than a user namespace gives.
Status have_ids_mapped(Init& init, size_t index, int tree) {
  Frame frame;
  frame.msg = Msg::kMapSource;
  frame.error = static_cast<int32_t>(index);
  if (Status st = sys::send_with_fd(init.channel.get(), &frame, sizeof frame, tree); !st.ok()) return st;
  if (Status st = receive_message(init.channel.get(), frame); !st.ok()) return st;
  return frame.msg == Msg::kSourceMapped ? sys::kOk : Status(EBADMSG);
}

Status execute_mounts(Init& init, rootfs::RootfsPlan& plan, size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    rootfs::MountOp& op = plan.mounts[i];
    if (!op.inner_source.empty())
      if (Status st = rootfs::open_inner_source(init.root, op, init.note); !st.ok()) return st;
    if (rootfs::is_mapped_by_parent(op))
      if (Status st = have_ids_mapped(init, i, op.tree.get()); !st.ok()) return st;
    if (Status st = rootfs::execute_mounts(init.root, plan, i, i + 1, init.note); !st.ok()) return st;
  }
  return sys::kOk;
}

}  // namespace

Status set_propagation(Init& init) {
  return with_root(
      init, [&](const rootfs::RootfsPlan& plan) { return rootfs::set_initial_propagation(plan, init.note); });
}

Status prepare_root(Init& init) {
  if (init.plan.exec_root.valid()) {
    if (Status st = sys::fchdir(init.plan.exec_root.get()); !st.ok()) return st;
    if (Status st = sys::chroot("."); !st.ok()) return st;
  }
  sys::Result<RootedDir> root =
      init.plan.rootfs ? rootfs::prepare_root(*init.plan.rootfs, init.note) : RootedDir::open_trusted("/");
  if (!root.ok()) return root.status();
  init.root = std::move(*root);
  init.caller_umask = ::umask(0);  // modes below the root are meant as they stand
  return sys::kOk;
}

Status mount_first(Init& init) {
  return with_root(init, [&](rootfs::RootfsPlan& plan) {
    return execute_mounts(init, plan, 0, plan.mounts_before_cgroup);
  });
}

Status mount_rest(Init& init) {
  return with_root(init, [&](rootfs::RootfsPlan& plan) {
    return execute_mounts(init, plan, plan.mounts_before_cgroup, plan.mounts.size());
  });
}

Status make_devices(Init& init) {
  return with_root(
      init, [&](const rootfs::RootfsPlan& plan) { return rootfs::make_devices(init.root, plan, init.note); });
}

Status make_links(Init& init) {
  return with_root(
      init, [&](const rootfs::RootfsPlan& plan) { return rootfs::make_links(init.root, plan, init.note); });
}

Status run_runtime_hooks(Init& init) {
  if (!init.plan.runtime_hooks) return sys::kOk;
  if (Status st = send_message(init.channel.get(), Msg::kRunHooks); !st.ok()) return st;
  Frame frame;
  if (Status st = receive_message(init.channel.get(), frame); !st.ok()) return st;
  return frame.msg == Msg::kHooksDone ? sys::kOk : Status(EBADMSG);
}

Status run_create_container_hooks(Init& init) {
  if (init.plan.create_container.hooks.empty()) return sys::kOk;
  // They start in the root, and make files with the caller's umask: not where and how the last mount left us.
  if (Status st = sys::fchdir(init.root.fd()); !st.ok()) return st;
  ::umask(init.caller_umask);
  if (Status st = run_hooks(init, init.plan.create_container); !st.ok()) return st;
  ::umask(0);
  return sys::kOk;
}

Status enter_root(Init& init) {
  return with_root(
      init, [&](const rootfs::RootfsPlan& plan) { return rootfs::enter_root(init.root, plan, init.note); });
}

Status make_paths_read_only(Init& init) {
  return with_root(init, [&](const rootfs::RootfsPlan& plan) {
    return rootfs::make_paths_read_only(init.root, plan, init.note);
  });
}

Status mask_paths(Init& init) {
  return with_root(
      init, [&](const rootfs::RootfsPlan& plan) { return rootfs::mask_paths(init.root, plan, init.note); });
}

Status finish_read_only(Init& init) {
  return with_root(init, [&](const rootfs::RootfsPlan& plan) {
    return rootfs::finish_read_only(init.root, plan, init.note);
  });
}

}  // namespace crunlite::runtime::steps
