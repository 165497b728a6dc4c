// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan_process.h"

#include <sys/personality.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "oci/names.h"
#include "runtime/rlimit_names.h"

namespace crunlite::runtime {
namespace {

// What execvp(3) and every shell assume when PATH is not set.
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

std::optional<std::string_view> value_of(const std::vector<std::string>& env, std::string_view name) {
  const auto found = std::ranges::find(env, name, name_of);
  if (found == env.end()) return std::nullopt;
  return std::string_view(*found).substr(name.size() + 1);
}

// Of several with one name the last counts, as with runc and crun; getenv(3) would find the first.
void keep_last_of_each_name(std::vector<std::string>& env) {
  std::set<std::string, std::less<>> seen;
  std::ranges::reverse(env);
  std::erase_if(env, [&](const std::string& entry) { return !seen.emplace(name_of(entry)).second; });
  std::ranges::reverse(env);
}

std::vector<RlimitPlan> plan_rlimits(const std::vector<oci::Rlimit>& rlimits) {
  std::vector<RlimitPlan> out;
  for (const oci::Rlimit& limit : rlimits) {
    const std::optional<int> number = rlimit_number(limit.type);
    if (!number) throw Error(ErrorKind::kConfig, "unknown rlimit ", quote(limit.type));
    out.push_back({*number, {.rlim_cur = limit.soft, .rlim_max = limit.hard}, limit.type});
  }
  return out;
}

// Validated before; the names of the plan are for messages.
BitMask mask_of(std::string_view list, unsigned limit, std::string_view what) {
  const std::optional<BitMask> mask = parse_number_list(list, limit);
  if (!mask) throw Error(ErrorKind::kConfig, what, ": ", quote(list), " is no list of numbers");
  return *mask;
}

SchedulerPlan plan_scheduler(const oci::Scheduler& scheduler) {
  SchedulerPlan plan;
  plan.name = oci::name_of(oci::kSchedulerPolicies, scheduler.policy);
  plan.attributes.policy = static_cast<uint32_t>(scheduler.policy);
  for (const oci::SchedulerFlag flag : scheduler.flags) plan.attributes.flags |= static_cast<uint64_t>(flag);
  plan.attributes.nice = scheduler.nice;
  plan.attributes.priority = static_cast<uint32_t>(scheduler.priority);
  plan.attributes.runtime = scheduler.runtime;
  plan.attributes.deadline = scheduler.deadline;
  plan.attributes.period = scheduler.period;
  return plan;
}

// ioprio_set(2): the class stands above the priority. The kernel's header is C only.
constexpr int kIoPriorityClassShift = 13;

IoPriorityPlan plan_io_priority(const oci::IoPriority& priority) {
  const std::string_view name = oci::name_of(oci::kIoPriorityClasses, priority.io_class);
  return {.value = (static_cast<int>(priority.io_class) << kIoPriorityClassShift) | priority.priority,
          .name = cat(name, " ", priority.priority)};
}

MemoryPolicyPlan plan_memory_policy(const oci::MemoryPolicy& policy) {
  MemoryPolicyPlan plan;
  plan.mode = static_cast<int>(policy.mode);
  for (const oci::MemoryPolicyFlag flag : policy.flags) plan.mode |= static_cast<int>(flag);
  plan.nodes = mask_of(policy.nodes, kMostNodes, "/linux/memoryPolicy/nodes");
  plan.name = cat(oci::name_of(oci::kMemoryPolicyModes, policy.mode), " ", policy.nodes);
  return plan;
}

}  // namespace

StringArray as_array(std::vector<std::string> strings, size_t spare) {
  StringArray out{.owned = std::move(strings), .pointers = {}};
  for (std::string& text : out.owned) out.pointers.push_back(text.data());
  out.pointers.resize(out.owned.size() + spare + 1, nullptr);
  return out;
}

void plan_environment(const oci::Process& process, unsigned listen_fds, InitPlan& plan) {
  std::vector<std::string> env = process.env;
  if (listen_fds) {
    env.push_back(cat("LISTEN_FDS=", listen_fds));
    std::erase_if(env, [](const std::string& entry) { return name_of(entry) == "LISTEN_PID"; });
  }
  keep_last_of_each_name(env);
  plan.tell_listen_pid = listen_fds != 0;
  plan.search_path = value_of(env, "PATH").value_or(kDefaultPath);
  plan.look_up_home = value_of(env, "HOME").value_or("").empty();
  if (plan.look_up_home) std::erase(env, "HOME=");
  plan.env = as_array(std::move(env), 2);
}

void plan_process(const oci::Process& process, Planned& planned) {
  InitPlan& plan = planned.plan;
  plan.args = as_array(process.args);
  plan.cwd = process.cwd;
  plan.uid = process.user.uid;
  plan.gid = process.user.gid;
  plan.groups.assign(process.user.additional_gids.begin(), process.user.additional_gids.end());
  if (process.user.umask) plan.umask = static_cast<mode_t>(*process.user.umask);
  plan.rlimits = plan_rlimits(process.rlimits);
  plan.no_new_privileges = process.no_new_privileges;
  plan.oom_score_adj = process.oom_score_adj;
  // Nothing said is nothing given, as with runc and crun: the caller's own would be all of them.
  plan.capabilities = capability_masks(process.capabilities.value_or(oci::Capabilities{}));
  for (const std::string& name : plan.capabilities->unknown)
    planned.warnings.push_back(cat("unknown capability ", quote(name), " is left out"));
  if (!process.apparmor_profile.empty()) plan.apparmor_exec = "exec " + process.apparmor_profile;
  plan.selinux_exec = process.selinux_label;
  if (process.scheduler) plan.scheduler = plan_scheduler(*process.scheduler);
  if (process.io_priority) plan.io_priority = plan_io_priority(*process.io_priority);
  plan.console.wanted = process.terminal;
  if (process.terminal && process.console_size) {
    plan.console.rows = process.console_size->height;
    plan.console.columns = process.console_size->width;
  }
}

void keep_groups_if_asked(const oci::Annotations& annotations, InitPlan& plan) {
  if (!oci::switched_on(annotations, oci::kKeepOriginalGroups)) return;
  plan.set_groups = false;
  plan.groups.clear();
}

void plan_execution(const std::optional<oci::Personality>& personality,
                    const std::optional<oci::MemoryPolicy>& memory_policy, InitPlan& plan) {
  if (personality) plan.personality = *personality == oci::Personality::kLinux32 ? PER_LINUX32 : PER_LINUX;
  if (memory_policy) plan.memory_policy = plan_memory_policy(*memory_policy);
}

namespace {

// Does the parent do more to the new process than put it into its cgroup? A successor inherits that, and must
// not be made before.
bool set_from_outside(const oci::Process& process, const ExecInputs& inputs) {
  return inputs.joins_rdt || process.oom_score_adj || process.exec_cpu_affinity ||
         (inputs.in_user_namespace && !process.rlimits.empty());
}

}  // namespace

Planned build_exec_plan(const oci::Process& process, ExecInputs inputs) {
  Planned planned;
  InitPlan& plan = planned.plan;
  plan.namespaces.join = std::move(inputs.join);
  plan.namespaces.joined_user = inputs.in_user_namespace;
  // In the container it must never be without the container's limits and device rules.
  plan.wait_for_placement = !inputs.placed_by_clone || set_from_outside(process, inputs);
  plan_process(process, planned);
  plan_environment(process, inputs.listen_fds, plan);
  keep_groups_if_asked(inputs.annotations, plan);
  plan.groups_may_stay = inputs.in_user_namespace;
  plan.preserved_fds = std::max(inputs.listen_fds, inputs.preserve_fds);
  plan_execution(inputs.personality, inputs.memory_policy, plan);
  if (const auto& affinity = process.exec_cpu_affinity) {
    plan.initial_cpus = mask_of(affinity->initial, kMostCpus, "/process/execCPUAffinity/initial");
    plan.final_cpus = mask_of(affinity->final, kMostCpus, "/process/execCPUAffinity/final");
  }
  plan.seccomp = std::move(inputs.seccomp);
  plan.sendmsg_is_notified = inputs.sendmsg_is_notified;
  plan.filter_before_entering = inputs.has_tracers && !process.no_new_privileges;
  plan.keyring = std::move(inputs.keyring);
  std::ranges::copy(inputs.stdio, plan.stdio);
  return planned;
}

}  // namespace crunlite::runtime
