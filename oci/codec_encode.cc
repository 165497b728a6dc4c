// SPDX-License-Identifier: Apache-2.0
// Writing config.json: the mirror image of codec.cc. Absent, empty and false members are left out, except
// those that the specification requires.
#include "oci/codec.h"
#include "oci/names.h"

namespace crunlite::oci {
namespace {

using json::Array;
using json::Object;
using json::Value;

// Members in the order of the calls.
class Members {
 public:
  Members& always(std::string_view key, Value value) {
    object_.add(std::string(key), std::move(value));
    return *this;
  }
  Members& text(std::string_view key, const std::string& value) {
    return value.empty() ? *this : always(key, value);
  }
  Members& flag(std::string_view key, bool value) { return value ? always(key, true) : *this; }
  template <class T>
  Members& maybe(std::string_view key, const std::optional<T>& value) {
    return value ? always(key, *value) : *this;
  }
  Members& strings(std::string_view key, const std::vector<std::string>& values) {
    return values.empty() ? *this : always(key, Array(values.begin(), values.end()));
  }
  Members& map(std::string_view key, const std::map<std::string, std::string>& values) {
    Object out;
    for (const auto& [name, value] : values) out.add(name, value);
    return object(key, std::move(out));
  }
  template <class T, class Encode>
  Members& list(std::string_view key, const std::vector<T>& values, Encode encode) {
    Array out;
    for (const T& value : values) out.emplace_back(encode(value));
    return out.empty() ? *this : always(key, std::move(out));
  }
  Members& object(std::string_view key, Object value) {
    return value.empty() ? *this : always(key, std::move(value));
  }
  Object take() { return std::move(object_); }

 private:
  Object object_;
};

Object encode_mapping(const IdMapping& m) {
  return {{"containerID", m.container_id}, {"hostID", m.host_id}, {"size", m.size}};
}

Object encode_mount(const Mount& m) {
  return Members()
      .always("destination", m.destination)
      .text("type", m.type)
      .text("source", m.source)
      .strings("options", m.options)
      .list("uidMappings", m.uid_mappings, encode_mapping)
      .list("gidMappings", m.gid_mappings, encode_mapping)
      .take();
}

Object encode_user(const User& u) {
  return Members()
      .always("uid", u.uid)
      .always("gid", u.gid)
      .maybe("umask", u.umask)
      .list("additionalGids", u.additional_gids, [](uint32_t gid) { return gid; })
      .take();
}

Object encode_capabilities(const Capabilities& c) {
  return Members()
      .strings("bounding", c.bounding)
      .strings("effective", c.effective)
      .strings("inheritable", c.inheritable)
      .strings("permitted", c.permitted)
      .strings("ambient", c.ambient)
      .take();
}

Object encode_rlimit(const Rlimit& r) {
  return {{"type", r.type}, {"hard", r.hard}, {"soft", r.soft}};
}

Object encode_process(const Process& p) {
  Members out;
  out.flag("terminal", p.terminal);
  if (p.console_size)
    out.always("consoleSize", Object{{"height", p.console_size->height}, {"width", p.console_size->width}});
  out.always("user", encode_user(p.user))
      .always("args", Array(p.args.begin(), p.args.end()))
      .strings("env", p.env)
      .always("cwd", p.cwd);
  // Absent leaves the caller's capabilities alone, empty takes all away: the difference must survive.
  if (p.capabilities) out.always("capabilities", encode_capabilities(*p.capabilities));
  return out.list("rlimits", p.rlimits, encode_rlimit)
      .flag("noNewPrivileges", p.no_new_privileges)
      .maybe("oomScoreAdj", p.oom_score_adj)
      .text("apparmorProfile", p.apparmor_profile)
      .text("selinuxLabel", p.selinux_label)
      .take();
}

Object encode_hook(const Hook& h) {
  return Members()
      .always("path", h.path)
      .strings("args", h.args)
      .strings("env", h.env)
      .maybe("timeout", h.timeout)
      .take();
}

Object encode_namespace(const Namespace& n) {
  return Members().always("type", name_of(kNamespaceTypes, n.type)).text("path", n.path).take();
}

Object encode_time_offsets(const Linux& l) {
  const auto offset = [](const TimeOffset& o) { return Object{{"secs", o.secs}, {"nanosecs", o.nanosecs}}; };
  Members out;
  if (l.monotonic_offset) out.always("monotonic", offset(*l.monotonic_offset));
  if (l.boottime_offset) out.always("boottime", offset(*l.boottime_offset));
  return out.take();
}

Object encode_device(const Device& d) {
  Members out;
  out.always("type", name_of(kDeviceTypes, d.type)).always("path", d.path);
  if (d.type != DeviceType::kFifo) out.always("major", d.major).always("minor", d.minor);
  return out.maybe("fileMode", d.file_mode).always("uid", d.uid).always("gid", d.gid).take();
}

Object encode_device_rule(const DeviceRule& r) {
  Members out;
  out.always("allow", r.allow);
  if (r.type != 'a') out.always("type", std::string(1, r.type));
  return out.maybe("major", r.major).maybe("minor", r.minor).text("access", r.access).take();
}

Object encode_memory(const MemoryResources& m) {
  return Members()
      .maybe("limit", m.limit)
      .maybe("reservation", m.reservation)
      .maybe("swap", m.swap)
      .maybe("swappiness", m.swappiness)
      .maybe("disableOOMKiller", m.disable_oom_killer)
      .maybe("useHierarchy", m.use_hierarchy)
      .maybe("checkBeforeUpdate", m.check_before_update)
      .take();
}

Object encode_cpu(const CpuResources& c) {
  return Members()
      .maybe("shares", c.shares)
      .maybe("quota", c.quota)
      .maybe("burst", c.burst)
      .maybe("period", c.period)
      .maybe("realtimeRuntime", c.realtime_runtime)
      .maybe("realtimePeriod", c.realtime_period)
      .text("cpus", c.cpus)
      .text("mems", c.mems)
      .maybe("idle", c.idle)
      .take();
}

Object encode_resources(const Resources& r) {
  Members out;
  out.list("devices", r.devices, encode_device_rule)
      .object("memory", encode_memory(r.memory))
      .object("cpu", encode_cpu(r.cpu));
  if (r.pids_limit) out.always("pids", Object{{"limit", *r.pids_limit}});
  return out.map("unified", r.unified).take();
}

Object encode_seccomp_arg(const SeccompArg& a) {
  Members out;
  out.always("index", a.index).always("value", a.value);
  if (a.value_two) out.always("valueTwo", a.value_two);
  return out.always("op", name_of(kSeccompOperators, a.op)).take();
}

Object encode_seccomp_rule(const SeccompRule& r) {
  return Members()
      .strings("names", r.names)
      .always("action", name_of(kSeccompActions, r.action))
      .maybe("errnoRet", r.errno_ret)
      .list("args", r.args, encode_seccomp_arg)
      .take();
}

Object encode_seccomp(const Seccomp& s) {
  return Members()
      .always("defaultAction", name_of(kSeccompActions, s.default_action))
      .maybe("defaultErrnoRet", s.default_errno_ret)
      .strings("architectures", s.architectures)
      .strings("flags", s.flags)
      .text("listenerPath", s.listener_path)
      .text("listenerMetadata", s.listener_metadata)
      .list("syscalls", s.rules, encode_seccomp_rule)
      .take();
}

Object encode_linux(const Linux& l) {
  Members out;
  out.list("uidMappings", l.uid_mappings, encode_mapping)
      .list("gidMappings", l.gid_mappings, encode_mapping)
      .map("sysctl", l.sysctl)
      .object("resources", encode_resources(l.resources))
      .text("cgroupsPath", l.cgroups_path)
      .list("namespaces", l.namespaces, encode_namespace)
      .list("devices", l.devices, encode_device);
  if (l.seccomp) out.always("seccomp", encode_seccomp(*l.seccomp));
  out.text("rootfsPropagation", l.rootfs_propagation)
      .strings("maskedPaths", l.masked_paths)
      .strings("readonlyPaths", l.readonly_paths)
      .text("mountLabel", l.mount_label);
  if (l.personality) out.always("personality", Object{{"domain", name_of(kPersonalities, *l.personality)}});
  return out.object("timeOffsets", encode_time_offsets(l)).take();
}

}  // namespace

Object encode_hooks(const Hooks& hooks) {
  Members out;
  for (const HookPhase& phase : kHookPhases) out.list(phase.name, hooks.*phase.hooks, encode_hook);
  return out.take();
}

json::Value encode_spec(const Spec& spec) {
  Members out;
  out.always("ociVersion", spec.oci_version);
  if (spec.process) out.always("process", encode_process(*spec.process));
  out.always("root", Members().always("path", spec.root.path).flag("readonly", spec.root.readonly).take())
      .text("hostname", spec.hostname)
      .text("domainname", spec.domainname)
      .list("mounts", spec.mounts, encode_mount)
      .object("hooks", encode_hooks(spec.hooks))
      .map("annotations", spec.annotations)
      .object("linux", encode_linux(spec.linux));
  return out.take();
}

}  // namespace crunlite::oci
