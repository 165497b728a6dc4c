// SPDX-License-Identifier: Apache-2.0
// Writing config.json: the mirror image of codec.cc. Absent, empty and false members are left out, except
// those that the specification requires.
#include "oci/codec.h"
#include "oci/codec_support.h"

namespace crunlite::oci {
namespace {

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

Object encode_rdt(const IntelRdt& r) {
  return Members()
      .text("closID", r.clos_id)
      .strings("schemata", r.schemata)
      .text("l3CacheSchema", r.l3_cache_schema)
      .text("memBwSchema", r.mem_bw_schema)
      .flag("enableMonitoring", r.enable_monitoring)
      .take();
}

Object encode_net_devices(const std::map<std::string, NetDevice>& devices) {
  Object out;
  for (const auto& [name, device] : devices) out.add(name, Members().text("name", device.name).take());
  return out;
}

Object encode_linux(const Linux& l) {
  Members out;
  out.list("uidMappings", l.uid_mappings, encode_mapping)
      .list("gidMappings", l.gid_mappings, encode_mapping)
      .map("sysctl", l.sysctl)
      .object("resources", encode_resources(l.resources))
      .text("cgroupsPath", l.cgroups_path)
      .list("namespaces", l.namespaces, encode_namespace)
      .list("devices", l.devices, encode_device)
      .object("netDevices", encode_net_devices(l.net_devices));
  if (l.seccomp) out.always("seccomp", encode_seccomp(*l.seccomp));
  out.text("rootfsPropagation", l.rootfs_propagation)
      .strings("maskedPaths", l.masked_paths)
      .strings("readonlyPaths", l.readonly_paths)
      .text("mountLabel", l.mount_label);
  if (l.personality) out.always("personality", Object{{"domain", name_of(kPersonalities, *l.personality)}});
  if (l.intel_rdt) out.always("intelRdt", encode_rdt(*l.intel_rdt));
  if (const auto& policy = l.memory_policy)
    out.always("memoryPolicy", Members()
                                   .always("mode", name_of(kMemoryPolicyModes, policy->mode))
                                   .always("nodes", policy->nodes)
                                   .names("flags", policy->flags, kMemoryPolicyFlags)
                                   .take());
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
