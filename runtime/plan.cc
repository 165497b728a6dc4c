// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <sched.h>

#include <algorithm>

#include "base/error.h"
#include "runtime/plan_process.h"
#include "runtime/sysctl.h"

namespace crunlite::runtime {
namespace {

struct NamespaceFlag {
  oci::NamespaceType type;
  int flag;
};
// In the order in which they are joined: user first, for its privileges; mount last, because paths change.
constexpr NamespaceFlag kNamespaceFlags[] = {
    {oci::NamespaceType::kUser, CLONE_NEWUSER},     {oci::NamespaceType::kNetwork, CLONE_NEWNET},
    {oci::NamespaceType::kIpc, CLONE_NEWIPC},       {oci::NamespaceType::kUts, CLONE_NEWUTS},
    {oci::NamespaceType::kCgroup, CLONE_NEWCGROUP}, {oci::NamespaceType::kTime, CLONE_NEWTIME},
    {oci::NamespaceType::kPid, CLONE_NEWPID},       {oci::NamespaceType::kMount, CLONE_NEWNS},
};

const oci::Namespace* find_namespace(const oci::Linux& linux, oci::NamespaceType type) {
  const auto found = std::ranges::find(linux.namespaces, type, &oci::Namespace::type);
  return found == linux.namespaces.end() ? nullptr : &*found;
}

bool is_new(const oci::Linux& linux, oci::NamespaceType type) {
  const oci::Namespace* ns = find_namespace(linux, type);
  return ns && ns->path.empty();
}

// time_namespaces(7): "monotonic SECS NANOSECS"
std::string time_offsets(const oci::Linux& linux) {
  std::string text;
  if (const auto& offset = linux.monotonic_offset)
    text += cat("monotonic ", offset->secs, " ", offset->nanosecs, "\n");
  if (const auto& offset = linux.boottime_offset)
    text += cat("boottime ", offset->secs, " ", offset->nanosecs, "\n");
  return text;
}

// A child that is already in a user namespace of its own may not join what belongs to the host's: the parent
// does that. A pid namespace only takes in children anyway.
bool joined_by_parent(int flag, bool new_user) {
  if (flag == CLONE_NEWPID) return true;
  return new_user && flag != CLONE_NEWNS && flag != CLONE_NEWTIME && flag != CLONE_NEWUSER;
}

NamespacePlan plan_namespaces(const oci::Linux& linux) {
  NamespacePlan plan;
  plan.new_user = is_new(linux, oci::NamespaceType::kUser);
  uint64_t fresh = 0;
  for (const auto& [type, flag] : kNamespaceFlags) {
    const oci::Namespace* ns = find_namespace(linux, type);
    if (!ns) continue;
    if (!ns->path.empty()) {
      std::vector<NamespaceJoin>& list =
          joined_by_parent(flag, plan.new_user) ? plan.join_by_parent : plan.join;
      list.push_back({UniqueFd(), flag, ns->path});
      if (flag == CLONE_NEWUSER) plan.joined_user = true;
    } else if (flag == CLONE_NEWCGROUP) {
      // Its root is the cgroup in which its maker is: only after the child has been placed.
      plan.unshare_late |= CLONE_NEWCGROUP;
    } else {
      fresh |= static_cast<uint64_t>(flag);
    }
  }
  plan.time_offsets = time_offsets(linux);
  plan.time_by_hand = !plan.time_offsets.empty();
  if (plan.time_by_hand) fresh &= ~uint64_t{CLONE_NEWTIME};  // the step that sets them makes it
  if (plan.joined_user)
    plan.unshare_joined = static_cast<int>(fresh);
  else
    plan.clone = fresh;
  return plan;
}

std::vector<IdMap> id_map(const std::vector<oci::IdMapping>& mappings) {
  std::vector<IdMap> out;
  for (const oci::IdMapping& m : mappings) out.push_back({m.container_id, m.host_id, m.size});
  return out;
}

HookPlan plan_hook(const oci::Hook& hook) {
  HookPlan plan;
  plan.path = hook.path;
  plan.args = as_array(hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args);
  plan.env = as_array(hook.env);
  if (hook.timeout)
    plan.timeout_ms = static_cast<int>(std::min<int64_t>(int64_t{*hook.timeout} * 1000, INT32_MAX));
  return plan;
}

// The hooks of the child see another pid than we do: the number goes in between.
HookPhasePlan plan_hooks(const std::vector<oci::Hook>& hooks, const std::string& state) {
  HookPhasePlan out;
  if (hooks.empty()) return out;
  for (const oci::Hook& hook : hooks) out.hooks.push_back(plan_hook(hook));
  constexpr std::string_view kPid = "\"pid\":0";
  const size_t at = state.find(kPid);
  if (at == std::string::npos)
    throw Error(ErrorKind::kConfig, "the state document for hooks has no \"pid\":0");
  out.state_head = state.substr(0, at + kPid.size() - 1);
  out.state_tail = state.substr(at + kPid.size());
  return out;
}

std::vector<Sysctl> plan_sysctls(const oci::Linux& linux) {
  std::vector<Sysctl> out;
  for (const auto& [key, value] : linux.sysctl) {
    std::string problem;
    out.push_back(parse_sysctl(key, value, problem));
    if (!problem.empty()) throw Error(ErrorKind::kConfig, problem);
  }
  return out;
}

rootfs::RootfsPlan plan_root(const oci::Spec& spec, const PlanInputs& inputs,
                             const NamespacePlan& namespaces) {
  rootfs::RootfsInputs root{
      .path = inputs.rootfs,
      .bundle = inputs.bundle,
      .no_pivot = inputs.no_pivot,
      .bind_devices = inputs.in_user_namespace || namespaces.new_user || namespaces.joined_user,
      .cgroup = inputs.cgroup,
      .host_proc_mounts = inputs.host_proc_mounts,
  };
  root.cgroup.own_namespace = namespaces.unshare_late & CLONE_NEWCGROUP;
  return rootfs::build_rootfs_plan(spec, root);
}

void plan_groups(const PlanInputs& inputs, InitPlan& plan) {
  plan.deny_setgroups = inputs.deny_setgroups;
  plan.set_groups = plan.set_groups && !inputs.deny_setgroups;
  plan.groups_may_stay = inputs.in_user_namespace || plan.namespaces.joined_user;
  if (inputs.deny_setgroups && !plan.groups.empty())
    throw Error(ErrorKind::kUnsupported,
                "additionalGids cannot be set: setgroups(2) is denied in an unprivileged user namespace");
}

// A container may be created without a program; it has no privilege either, and `start` refuses it.
oci::Process without_program() {
  oci::Process process;
  process.cwd = "/";
  return process;
}

}  // namespace

Planned build_plan(const oci::Spec& spec, const PlanInputs& inputs) {
  Planned planned;
  InitPlan& plan = planned.plan;
  plan.namespaces = plan_namespaces(spec.linux);
  if (plan.namespaces.new_user) {
    plan.uid_map = id_map(spec.linux.uid_mappings);
    plan.gid_map = id_map(spec.linux.gid_mappings);
  }
  plan.wait_for_placement = !inputs.placed_by_clone || !spec.linux.net_devices.empty();
  plan.rootfs = plan_root(spec, inputs, plan.namespaces);
  plan.hostname = spec.hostname;
  plan.domainname = spec.domainname;
  plan.sysctls = plan_sysctls(spec.linux);
  plan.runtime_hooks = !spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty();
  plan.create_container = plan_hooks(spec.hooks.create_container, inputs.created_json);
  plan.start_container = plan_hooks(spec.hooks.start_container, inputs.created_json);
  plan.start_container.as_the_process = true;
  const oci::Process process = spec.process.value_or(without_program());
  plan_process(process, planned);
  plan_environment(process, inputs.listen_fds, plan);
  keep_groups_if_asked(spec.annotations, plan);
  plan_execution(spec.linux.personality, spec.linux.memory_policy, plan);
  plan_groups(inputs, plan);
  plan.preserved_fds = std::max(inputs.listen_fds, inputs.preserve_fds);
  plan.seccomp = inputs.seccomp;
  plan.sendmsg_is_notified = inputs.sendmsg_is_notified;
  if (!inputs.no_new_keyring) plan.keyring = "_ses." + inputs.id;
  std::ranges::copy(inputs.stdio, plan.stdio);
  return planned;
}

std::vector<int> namespace_types(const oci::Linux& linux) {
  std::vector<int> types;
  for (const auto& [type, flag] : kNamespaceFlags)
    if (find_namespace(linux, type)) types.push_back(flag);
  return types;
}

}  // namespace crunlite::runtime
