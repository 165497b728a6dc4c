// SPDX-License-Identifier: Apache-2.0
// Reading config.json. Each decode_* function lists the members of one object of the specification, in the
// specification's order; codec_encode.cc is its mirror image.
#include "oci/codec.h"

#include "oci/codec_support.h"

namespace crunlite::oci {
namespace {

std::vector<IdMapping> decode_mappings(const Reader& at, std::string_view key) {
  return list<IdMapping>(at, key, [](const Reader& m) {
    return IdMapping{.container_id = m.require<uint32_t>("containerID"),
                     .host_id = m.require<uint32_t>("hostID"),
                     .size = m.require<uint32_t>("size")};
  });
}

Root decode_root(const Reader& at) {
  return Root{.path = at.require<std::string>("path"), .readonly = at.get<bool>("readonly", false)};
}

Mount decode_mount(const Reader& at) {
  return Mount{
      .destination = at.require<std::string>("destination"),
      .type = at.get<std::string>("type", ""),
      .source = at.get<std::string>("source", ""),
      .options = at.get<std::vector<std::string>>("options", {}),
      .uid_mappings = decode_mappings(at, "uidMappings"),
      .gid_mappings = decode_mappings(at, "gidMappings"),
  };
}

// --- hooks -------------------------------------------------------------------------------------------------
Hook decode_hook(const Reader& at) {
  Hook hook{
      .path = at.require<std::string>("path"),
      .args = at.get<std::vector<std::string>>("args", {}),
      .env = at.get<std::vector<std::string>>("env", {}),
      .timeout = at.get_optional<int32_t>("timeout"),
  };
  if (!hook.path.empty() && !hook.path.starts_with('/')) at.at("path").problem("must be an absolute path");
  if (hook.timeout && *hook.timeout <= 0) at.at("timeout").problem("must be greater than zero");
  return hook;
}

// --- linux -------------------------------------------------------------------------------------------------
Namespace decode_namespace(const Reader& at) {
  return Namespace{.type = require_named(at, "type", "namespace", kNamespaceTypes),
                   .path = at.get<std::string>("path", "")};
}

TimeOffset decode_time_offset(const Reader& at) {
  return TimeOffset{.secs = at.get<int64_t>("secs", 0), .nanosecs = at.get<uint32_t>("nanosecs", 0)};
}

Device decode_device(const Reader& at) {
  Device device{
      .type = require_named(at, "type", "device type", kDeviceTypes),
      .path = at.require<std::string>("path"),
      .file_mode = at.get_optional<uint32_t>("fileMode"),
      .uid = at.get<uint32_t>("uid", 0),
      .gid = at.get<uint32_t>("gid", 0),
  };
  // A fifo has no device number.
  if (device.type == DeviceType::kFifo) return device;
  device.major = at.require<int64_t>("major");
  device.minor = at.require<int64_t>("minor");
  return device;
}

MemoryPolicy decode_memory_policy(const Reader& at) {
  if (!at.has("mode")) at.problem("invalid memory policy mode: the member \"mode\" is missing");
  return MemoryPolicy{.mode = named(at, "mode", "invalid memory policy mode", kMemoryPolicyModes)
                                  .value_or(MemoryPolicyMode::kDefault),
                      .nodes = at.get<std::string>("nodes", ""),
                      .flags = named_list(at, "flags", "invalid memory policy flag", kMemoryPolicyFlags)};
}

std::string decode_propagation(const Reader& at) {
  std::string value = at.get<std::string>("rootfsPropagation", "");
  const bool known =
      value.empty() || std::ranges::find(kRootfsPropagations, value) != std::end(kRootfsPropagations);
  // The recursive forms are what runc's callers write; the specification lists the plain ones.
  const bool recursive = value.starts_with('r') && std::ranges::find(kRootfsPropagations, value.substr(1)) !=
                                                       std::end(kRootfsPropagations);
  if (!known && !recursive) at.at("rootfsPropagation").problem(cat("unknown propagation ", quote(value)));
  return value;
}

IntelRdt decode_rdt(const Reader& at) {
  // Before v1.3.0 there were two members for the two kinds of monitoring.
  bool monitoring = false;
  for (const char* member : {"enableMonitoring", "enableCMT", "enableMBM"})
    monitoring |= at.get<bool>(member, false);
  return IntelRdt{.clos_id = at.get<std::string>("closID", ""),
                  .l3_cache_schema = at.get<std::string>("l3CacheSchema", ""),
                  .mem_bw_schema = at.get<std::string>("memBwSchema", ""),
                  .schemata = at.get<std::vector<std::string>>("schemata", {}),
                  .enable_monitoring = monitoring};
}

Linux decode_linux(const Reader& at) {
  Linux out;
  out.namespaces = list<Namespace>(at, "namespaces", decode_namespace);
  out.uid_mappings = decode_mappings(at, "uidMappings");
  out.gid_mappings = decode_mappings(at, "gidMappings");
  object_member(at, "timeOffsets", [&](const Reader& offsets) {
    object_member(offsets, "monotonic",
                  [&](const Reader& o) { out.monotonic_offset = decode_time_offset(o); });
    object_member(offsets, "boottime", [&](const Reader& o) { out.boottime_offset = decode_time_offset(o); });
  });
  out.devices = list<Device>(at, "devices", decode_device);
  object_member(at, "netDevices", [&](const Reader& devices) {
    devices.each_member([&](const std::string& name, const Reader& device) {
      if (is_object(device)) out.net_devices[name] = {.name = device.get<std::string>("name", "")};
    });
  });
  out.cgroups_path = at.get<std::string>("cgroupsPath", "");
  object_member(at, "resources", [&](const Reader& r) { out.resources = decode_resources(r); });
  out.rootfs_propagation = decode_propagation(at);
  object_member(at, "seccomp", [&](const Reader& s) { out.seccomp = decode_seccomp(s); });
  out.masked_paths = at.get<std::vector<std::string>>("maskedPaths", {});
  out.readonly_paths = at.get<std::vector<std::string>>("readonlyPaths", {});
  out.mount_label = at.get<std::string>("mountLabel", "");
  out.sysctl = at.get<std::map<std::string, std::string>>("sysctl", {});
  object_member(at, "personality", [&](const Reader& p) {
    out.personality = require_named(p, "domain", "personality", kPersonalities);
    // config-linux.md, Personality: no flag has a meaning so far.
    if (!p.get<std::vector<std::string>>("flags", {}).empty())
      p.at("flags").problem("unknown personality flag");
  });
  object_member(at, "intelRdt", [&](const Reader& rdt) { out.intel_rdt = decode_rdt(rdt); });
  object_member(at, "memoryPolicy", [&](const Reader& m) { out.memory_policy = decode_memory_policy(m); });
  return out;
}

}  // namespace

Hooks decode_hooks(const Reader& at) {
  Hooks hooks;
  for (const HookPhase& phase : kHookPhases) hooks.*phase.hooks = list<Hook>(at, phase.name, decode_hook);
  return hooks;
}

std::vector<Mount> decode_mounts(const json::Value& document, std::vector<std::string>& problems) {
  const Reader at(document, problems);
  if (!is_object(at)) return {};
  if (!at.has("mounts")) at.problem("neither an array of mounts nor an object that has one as \"mounts\"");
  return list<Mount>(at, "mounts", decode_mount);
}

Spec decode_spec(const json::Value& document, std::vector<std::string>& problems) {
  Spec spec;
  const Reader at(document, problems);
  if (!is_object(at)) return spec;
  spec.oci_version = at.require<std::string>("ociVersion");
  if (!at.has("root")) (void)at.require<std::string>("root");  // reports the missing member
  object_member(at, "root", [&](const Reader& root) { spec.root = decode_root(root); });
  spec.mounts = list<Mount>(at, "mounts", decode_mount);
  object_member(at, "process", [&](const Reader& process) { spec.process = decode_process(process); });
  spec.hostname = at.get<std::string>("hostname", "");
  spec.domainname = at.get<std::string>("domainname", "");
  object_member(at, "hooks", [&](const Reader& hooks) { spec.hooks = decode_hooks(hooks); });
  spec.annotations = at.get<std::map<std::string, std::string>>("annotations", {});
  object_member(at, "linux", [&](const Reader& linux_) { spec.linux = decode_linux(linux_); });
  return spec;
}

}  // namespace crunlite::oci
