// SPDX-License-Identifier: Apache-2.0
#include "runtime/validate.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <set>

#include "base/error.h"
#include "net/moved_links.h"
#include "oci/annotations.h"
#include "oci/names.h"
#include "rootfs/id_map_text.h"
#include "rootfs/mount_options.h"
#include "runtime/capabilities.h"
#include "runtime/number_list.h"
#include "runtime/rlimit_names.h"
#include "runtime/sysctl.h"

namespace crunlite::runtime {
namespace {

using oci::NamespaceType;

class Validator {
 public:
  explicit Validator(Findings& findings) : findings_(findings) {}

  template <class... Parts>
  void problem(const Parts&... parts) {
    findings_.problems.push_back(cat(parts...));
  }
  template <class... Parts>
  void warning(const Parts&... parts) {
    findings_.warnings.push_back(cat(parts...));
  }

  // JSON may carry U+0000 and the kernel's strings end there: half a path would be used.
  void text(std::string_view where, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) problem(where, ": must not contain a NUL");
  }
  void absolute(std::string_view where, std::string_view path) {
    text(where, path);
    if (!path.starts_with('/')) problem(where, ": must be an absolute path, is ", quote(path));
  }
  // (uid_t)-1 means "leave as it is" to the kernel.
  void id(std::string_view where, uint32_t value) {
    if (value == UINT32_MAX) problem(where, ": ", value, " is not a valid id");
  }

 private:
  Findings& findings_;
};

const oci::Namespace* find(const oci::Linux& linux, NamespaceType type) {
  const auto found = std::ranges::find(linux.namespaces, type, &oci::Namespace::type);
  return found == linux.namespaces.end() ? nullptr : &*found;
}

void check_capabilities(const oci::Capabilities& capabilities, Validator& v) {
  std::set<std::string> unknown;
  for (const auto* list : {&capabilities.bounding, &capabilities.effective, &capabilities.inheritable,
                           &capabilities.permitted, &capabilities.ambient})
    for (const std::string& name : *list)
      if (!capability_number(name)) unknown.insert(name);
  for (const std::string& name : unknown)
    v.warning("/process/capabilities: unknown capability ", quote(name));
}

void check_rlimits(const std::vector<oci::Rlimit>& rlimits, Validator& v) {
  std::set<std::string> seen;
  for (size_t i = 0; i < rlimits.size(); ++i) {
    const std::string where = cat("/process/rlimits/", i);
    if (!rlimit_number(rlimits[i].type)) v.problem(where, "/type: unknown rlimit ", quote(rlimits[i].type));
    if (!seen.insert(rlimits[i].type).second) v.problem(where, "/type: ", rlimits[i].type, " is there twice");
    if (rlimits[i].soft > rlimits[i].hard) v.problem(where, ": soft is larger than hard");
  }
}

void number_list(Validator& v, std::string_view where, const std::string& text, unsigned limit) {
  if (!parse_number_list(text, limit))
    v.problem(where, ": must be a list like 0-3,7 of numbers below ", limit, ", is ", quote(text));
}

// The combinations that the kernel would not notice; the rest is its own to refuse.
void check_priorities(const oci::Process& process, Validator& v) {
  if (const auto& s = process.scheduler) {
    if (s->nice < -20 || s->nice > 19)
      v.problem("/process/scheduler/nice: must be from -20 to 19, is ", s->nice);
    if (s->priority < 0) v.problem("/process/scheduler/priority: must not be negative");
    const bool times = s->runtime != 0 || s->deadline != 0 || s->period != 0;
    if (times && s->policy != oci::SchedulerPolicy::kDeadline)
      v.problem("/process/scheduler: runtime, deadline and period are for SCHED_DEADLINE only");
  }
  if (const auto& io = process.io_priority; io && (io->priority < 0 || io->priority > 7))
    v.problem("/process/ioPriority/priority: must be from 0 to 7, is ", io->priority);
  if (const auto& affinity = process.exec_cpu_affinity) {
    number_list(v, "/process/execCPUAffinity/initial", affinity->initial, kMostCpus);
    number_list(v, "/process/execCPUAffinity/final", affinity->final, kMostCpus);
  }
}

// A deadline is admitted for all processors of the machine or not at all: the kernel would say EPERM.
void check_scheduler_and_cpus(const oci::Spec& spec, Validator& v) {
  if (!spec.process || !spec.process->scheduler || spec.linux.resources.cpu.cpus.empty()) return;
  if (spec.process->scheduler->policy == oci::SchedulerPolicy::kDeadline)
    v.problem(
        "/process/scheduler: process scheduler can't be used together with AllowedCPUs "
        "(/linux/resources/cpu/cpus): SCHED_DEADLINE needs all of them");
}

// set_mempolicy(2): of all policies these two take no nodes.
void check_memory_policy(const oci::MemoryPolicy& policy, Validator& v) {
  constexpr std::string_view kWhere = "/linux/memoryPolicy/nodes: ";
  const std::optional<BitMask> nodes = parse_number_list(policy.nodes, kMostNodes);
  if (!nodes)
    v.problem(kWhere, "invalid memory policy nodes: must be a list like 0-3,7 of numbers below ", kMostNodes,
              ", is ", quote(policy.nodes));
  const bool without =
      policy.mode == oci::MemoryPolicyMode::kDefault || policy.mode == oci::MemoryPolicyMode::kLocal;
  if (!nodes || !without) return;
  int count = 0;
  for (const unsigned long word : *nodes) count += std::popcount(word);
  if (count != 0)
    v.problem(kWhere, oci::name_of(oci::kMemoryPolicyModes, policy.mode), ": mode requires 0 nodes but got ",
              count);
}

void check_process(const oci::Process& process, Validator& v) {
  if (process.args.empty() || process.args.front().empty()) v.problem("/process/args: must name a program");
  for (size_t i = 0; i < process.args.size(); ++i) v.text(cat("/process/args/", i), process.args[i]);
  for (size_t i = 0; i < process.env.size(); ++i) {
    v.text(cat("/process/env/", i), process.env[i]);
    if (process.env[i].find('=') == std::string::npos)
      v.problem("/process/env/", i, ": must be NAME=VALUE, is ", quote(process.env[i]));
  }
  v.absolute("/process/cwd", process.cwd);
  v.id("/process/user/uid", process.user.uid);
  v.id("/process/user/gid", process.user.gid);
  for (size_t i = 0; i < process.user.additional_gids.size(); ++i)
    v.id(cat("/process/user/additionalGids/", i), process.user.additional_gids[i]);
  if (process.user.umask && *process.user.umask > 0777)
    v.problem("/process/user/umask: has bits beyond 0777");
  check_rlimits(process.rlimits, v);
  if (process.capabilities) check_capabilities(*process.capabilities, v);
  v.text("/process/apparmorProfile", process.apparmor_profile);
  v.text("/process/selinuxLabel", process.selinux_label);
  check_priorities(process, v);
}

void check_namespaces(const oci::Linux& linux, Validator& v) {
  std::set<NamespaceType> seen;
  for (size_t i = 0; i < linux.namespaces.size(); ++i) {
    const oci::Namespace& ns = linux.namespaces[i];
    if (!seen.insert(ns.type).second)
      v.problem("/linux/namespaces/", i, ": namespace ", oci::name_of(oci::kNamespaceTypes, ns.type),
                " is there twice");
    if (!ns.path.empty()) v.absolute(cat("/linux/namespaces/", i, "/path"), ns.path);
  }
  const oci::Namespace* user = find(linux, NamespaceType::kUser);
  if (user && !find(linux, NamespaceType::kMount))
    v.problem("/linux/namespaces: with a user namespace, a mount namespace is required");
  const bool maps = !linux.uid_mappings.empty() || !linux.gid_mappings.empty();
  if (!user && maps) v.problem("/linux/uidMappings: id mappings need a user namespace");
  if (user && user->path.empty() && (linux.uid_mappings.empty() || linux.gid_mappings.empty()))
    v.problem("/linux/uidMappings: a new user namespace needs uidMappings and gidMappings");
  if ((linux.monotonic_offset || linux.boottime_offset)) {
    const oci::Namespace* time = find(linux, NamespaceType::kTime);
    if (!time || !time->path.empty()) v.problem("/linux/timeOffsets: need a new time namespace");
  }
}

void check_time_offsets(const oci::Linux& linux, Validator& v) {
  constexpr uint32_t kSecond = 1'000'000'000;
  for (const auto* offset : {&linux.monotonic_offset, &linux.boottime_offset})
    if (*offset && (*offset)->nanosecs >= kSecond)
      v.problem("/linux/timeOffsets: nanosecs must be less than a second, is ", (*offset)->nanosecs);
}

// config-linux.md, Network Devices
void check_net_devices(const oci::Linux& linux, Validator& v) {
  if (linux.net_devices.empty()) return;
  if (!find(linux, NamespaceType::kNetwork))
    v.problem("/linux/netDevices: need a network namespace of the container's own");
  std::set<std::string> seen;
  for (const auto& [name, device] : linux.net_devices) {
    const std::string where = cat("/linux/netDevices/", printable(name));
    const size_t percent = device.name.find('%');
    if (!net::is_link_name(name) || name.find('%') != std::string::npos)
      v.problem(where, ": not the name of a network device");
    if (!device.name.empty() && !net::is_link_name(device.name))
      v.problem(where, "/name: ", quote(device.name), " is not the name of a network device");
    if (percent != std::string::npos && device.name.substr(percent) != "%d")
      v.problem(where, "/name: ", quote(device.name), " may have a % only as %d at its end");
    const std::string& inside = device.name.empty() ? name : device.name;
    if (percent == std::string::npos && !seen.insert(inside).second)
      v.problem(where, "/name: another device is called ", quote(inside), ", too");
  }
}

void check_names(const oci::Spec& spec, Validator& v) {
  const bool uts = find(spec.linux, NamespaceType::kUts);
  v.text("/hostname", spec.hostname);
  v.text("/domainname", spec.domainname);
  if (!spec.hostname.empty() && !uts) v.problem("/hostname: cannot be set without a UTS namespace");
  if (!spec.domainname.empty() && !uts) v.problem("/domainname: cannot be set without a UTS namespace");
}

void check_sysctls(const oci::Linux& linux, Validator& v) {
  constexpr struct {
    int flag;
    NamespaceType type;
  } kTypes[] = {{CLONE_NEWNET, NamespaceType::kNetwork},
                {CLONE_NEWIPC, NamespaceType::kIpc},
                {CLONE_NEWUTS, NamespaceType::kUts}};
  for (const auto& [key, value] : linux.sysctl) {
    std::string problem;
    const Sysctl sysctl = parse_sysctl(key, value, problem);
    if (!problem.empty()) {
      v.problem("/linux/sysctl: ", problem);
      continue;
    }
    for (const auto& [flag, type] : kTypes)
      if (sysctl.namespace_type == flag && !find(linux, type))
        v.problem("/linux/sysctl: sysctl ", quote(key), " needs a ", oci::name_of(oci::kNamespaceTypes, type),
                  " namespace of the container's own");
  }
}

void check_id_maps(const oci::Mount& mount, const rootfs::MountOptions& options, const std::string& where,
                   const oci::Linux* linux, Validator& v) {
  std::string problem;
  const rootfs::MountIdMaps maps =
      rootfs::mount_id_maps(mount, options.id_map_text, linux ? *linux : oci::Linux{}, problem);
  if (!problem.empty()) v.problem(where, "/options: ", quote(options.id_map_text), ": ", problem);
  const bool wants = !maps.uids.empty() || !maps.gids.empty() || options.id_map != rootfs::IdMap::kNone;
  if (maps.uids.empty() != maps.gids.empty())
    v.problem(where, ": uidMappings and gidMappings belong together");
  if (wants && !options.bind && mount.type != "bind")
    v.problem(where, ": only bind mounts can have mapped ids");
  if (wants && problem.empty() && maps.uids.empty() && linux && !find(*linux, NamespaceType::kUser))
    v.problem(where, ": idmap needs uidMappings and gidMappings, its own or the container's");
}

// `linux` is what the container was made of, if that is known.
void check_mount(const oci::Mount& mount, const std::string& where, const oci::Linux* linux, Validator& v) {
  if (mount.destination.empty()) v.problem(where, "/destination: must not be empty");
  v.text(where + "/destination", mount.destination);
  v.text(where + "/source", mount.source);
  v.text(where + "/type", mount.type);
  for (const std::string& option : mount.options) v.text(where + "/options", option);
  const rootfs::MountOptions options = rootfs::parse_mount_options(mount.options);
  const bool bind = options.bind || mount.type == "bind";
  check_id_maps(mount, options, where, linux, v);
  if (options.copy_link && (options.source_link || options.target_link))
    v.problem(where, "/options: copy-symlink excludes src-nofollow and dest-nofollow");
  if (bind && mount.source.empty() && !options.remount) v.problem(where, "/source: a bind mount needs one");
}

void check_mounts(const oci::Spec& spec, Validator& v) {
  for (size_t i = 0; i < spec.mounts.size(); ++i)
    check_mount(spec.mounts[i], cat("/mounts/", i), &spec.linux, v);
}

void check_devices(const oci::Linux& linux, Validator& v) {
  for (size_t i = 0; i < linux.devices.size(); ++i) {
    const oci::Device& device = linux.devices[i];
    const std::string where = cat("/linux/devices/", i);
    v.absolute(where + "/path", device.path);
    if (device.major < 0 || device.major > 0xfff) v.problem(where, "/major: out of range");
    if (device.minor < 0 || device.minor > 0xfffff) v.problem(where, "/minor: out of range");
    v.id(where + "/uid", device.uid);
    v.id(where + "/gid", device.gid);
  }
  for (const std::string& path : linux.masked_paths) v.absolute("/linux/maskedPaths", path);
  for (const std::string& path : linux.readonly_paths) v.absolute("/linux/readonlyPaths", path);
}

void check_seccomp(const oci::Spec& spec, Validator& v) {
  if (!spec.linux.seccomp) return;
  const oci::Seccomp& seccomp = *spec.linux.seccomp;
  v.text("/linux/seccomp/listenerPath", seccomp.listener_path);
  const bool has_agent =
      !seccomp.listener_path.empty() || !oci::annotation(spec.annotations, oci::kSeccompReceiver).empty();
  if (!seccomp.listener_metadata.empty() && !has_agent)
    v.problem("/linux/seccomp/listenerMetadata: must not be set without listenerPath");
}

void check_annotations(const oci::Annotations& annotations, Validator& v) {
  for (const oci::KnownAnnotation& known : oci::kAnnotations) {
    if (!annotations.contains(std::string(known.name))) continue;
    if (known.kind == oci::AnnotationKind::kRefused)
      v.problem("/annotations/", known.name, ": is not supported by crun-lite");
    v.text(cat("/annotations/", known.name), oci::annotation(annotations, known.name));
  }
}

void check_hooks(const oci::Hooks& hooks, Validator& v) {
  for (const oci::HookPhase& phase : oci::kHookPhases) {
    const std::vector<oci::Hook>& list = hooks.*phase.hooks;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string where = cat("/hooks/", phase.name, "/", i);
      v.absolute(where + "/path", list[i].path);
      for (const std::string& arg : list[i].args) v.text(where + "/args", arg);
      for (const std::string& entry : list[i].env) v.text(where + "/env", entry);
      if (list[i].timeout && *list[i].timeout <= 0) v.problem(where, "/timeout: must be greater than 0");
    }
  }
}

}  // namespace

Findings validate_process(const oci::Process& process) {
  Findings findings;
  Validator v(findings);
  check_process(process, v);
  return findings;
}

Findings validate_mounts(const std::vector<oci::Mount>& mounts) {
  Findings findings;
  Validator v(findings);
  // Whether the container has a user namespace is seen when its namespaces are opened.
  for (size_t i = 0; i < mounts.size(); ++i) check_mount(mounts[i], cat("/mounts/", i), nullptr, v);
  return findings;
}

Findings validate(const oci::Spec& spec) {
  Findings findings;
  Validator v(findings);
  v.text("/root/path", spec.root.path);
  if (spec.root.path.empty()) v.problem("/root/path: must not be empty");
  if (spec.process) check_process(*spec.process, v);  // required only by `start` (config.md, Process)
  check_namespaces(spec.linux, v);
  check_time_offsets(spec.linux, v);
  check_net_devices(spec.linux, v);
  check_names(spec, v);
  check_sysctls(spec.linux, v);
  check_mounts(spec, v);
  check_devices(spec.linux, v);
  check_hooks(spec.hooks, v);
  check_seccomp(spec, v);
  check_annotations(spec.annotations, v);
  check_scheduler_and_cpus(spec, v);
  if (spec.linux.memory_policy) check_memory_policy(*spec.linux.memory_policy, v);
  return findings;
}

std::vector<std::string> check_valid(const oci::Spec& spec) {
  Findings findings = validate(spec);
  if (!findings.problems.empty())
    throw Error(ErrorKind::kConfig, "config.json: ", join(findings.problems, "; "));
  return findings.warnings;
}

}  // namespace crunlite::runtime
