// SPDX-License-Identifier: Apache-2.0
// Reading config.json. Each decode_* function lists the members of one object of the specification, in the
// specification's order; codec_encode.cc is its mirror image.
#include "oci/codec.h"

#include <algorithm>

#include "base/text.h"
#include "oci/names.h"

namespace crunlite::oci {
namespace {

using json::Reader;

// Anything but an object is reported once here instead of once per member.
bool is_object(const Reader& at) {
  if (at.value().if_object()) return true;
  at.problem(cat("expected object, found ", at.value().type_name()));
  return false;
}

// A string member that must be one of the table's names; absent: nothing.
template <class Enum, size_t N>
std::optional<Enum> named(const Reader& at, std::string_view key, std::string_view what,
                          const Name<Enum> (&table)[N]) {
  if (!at.has(key)) return std::nullopt;
  const Reader member = at.at(key);
  const std::string* text = member.value().if_string();
  if (!text) {
    (void)member.as<std::string>("");  // says what it found instead
    return std::nullopt;
  }
  if (const Name<Enum>* row = find_name(table, *text)) return row->value;
  member.problem(unknown_name(what, *text, table));
  return std::nullopt;
}

template <class Enum, size_t N>
Enum require_named(const Reader& at, std::string_view key, std::string_view what,
                   const Name<Enum> (&table)[N]) {
  if (!at.has(key)) (void)at.require<std::string>(key);  // reports the missing member
  return named(at, key, what, table).value_or(table[0].value);
}

// Calls visit(member) when the object member `key` is there.
template <class Visit>
void object_member(const Reader& at, std::string_view key, Visit visit) {
  if (!at.has(key)) return;
  if (const Reader member = at.at(key); is_object(member)) visit(member);
}

template <class T, class Decode>
std::vector<T> list(const Reader& at, std::string_view key, Decode decode) {
  std::vector<T> out;
  at.each(key, [&](const Reader& element) {
    if (is_object(element)) out.push_back(decode(element));
  });
  return out;
}

// Callers send empty sections ("blockIO": {}, "hugepageLimits": []) for what they do not use; only a section
// that asks for something may be refused.
bool asks_for_something(const json::Value& value) {
  if (const json::Object* object = value.if_object())
    return std::any_of(object->begin(), object->end(),
                       [](const auto& m) { return asks_for_something(m.second); });
  if (const json::Array* array = value.if_array())
    return std::any_of(array->begin(), array->end(), asks_for_something);
  if (const int64_t* number = value.if_int()) return *number != 0;
  if (const std::string* text = value.if_string()) return !text->empty();
  if (const bool* flag = value.if_bool()) return *flag;
  return !value.is_null();
}

std::vector<std::string> not_supported(const Reader& at, std::initializer_list<std::string_view> keys) {
  std::vector<std::string> out;
  for (const std::string_view key : keys)
    if (at.has(key) && asks_for_something(at.at(key).value())) out.emplace_back(key);
  return out;
}

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

// --- process -----------------------------------------------------------------------------------------------
User decode_user(const Reader& at) {
  User user{.uid = at.get<uint32_t>("uid", 0),
            .gid = at.get<uint32_t>("gid", 0),
            .umask = at.get_optional<uint32_t>("umask")};
  at.each("additionalGids", [&](const Reader& gid) { user.additional_gids.push_back(gid.as<uint32_t>(0)); });
  return user;
}

Capabilities decode_capabilities(const Reader& at) {
  using Set = std::vector<std::string>;
  return Capabilities{
      .bounding = at.get<Set>("bounding", {}),
      .effective = at.get<Set>("effective", {}),
      .inheritable = at.get<Set>("inheritable", {}),
      .permitted = at.get<Set>("permitted", {}),
      .ambient = at.get<Set>("ambient", {}),
  };
}

Rlimit decode_rlimit(const Reader& at) {
  return Rlimit{.type = at.require<std::string>("type"),
                .soft = at.require<uint64_t>("soft"),
                .hard = at.require<uint64_t>("hard")};
}

Process decode_process(const Reader& at) {
  Process process;
  process.terminal = at.get<bool>("terminal", false);
  object_member(at, "consoleSize", [&](const Reader& size) {
    process.console_size =
        ConsoleSize{.height = size.require<uint16_t>("height"), .width = size.require<uint16_t>("width")};
  });
  object_member(at, "user", [&](const Reader& user) { process.user = decode_user(user); });
  process.args = at.require<std::vector<std::string>>("args");
  process.env = at.get<std::vector<std::string>>("env", {});
  process.cwd = at.require<std::string>("cwd");
  object_member(at, "capabilities", [&](const Reader& c) { process.capabilities = decode_capabilities(c); });
  process.rlimits = list<Rlimit>(at, "rlimits", decode_rlimit);
  process.no_new_privileges = at.get<bool>("noNewPrivileges", false);
  process.oom_score_adj = at.get_optional<int32_t>("oomScoreAdj");
  process.apparmor_profile = at.get<std::string>("apparmorProfile", "");
  process.selinux_label = at.get<std::string>("selinuxLabel", "");
  process.unsupported = not_supported(at, {"scheduler", "ioPriority"});
  return process;
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

DeviceRule decode_device_rule(const Reader& at) {
  // runc's callers write -1 for "any number", the specification leaves the member out.
  const auto number = [&](std::string_view key) {
    const std::optional<int64_t> value = at.get_optional<int64_t>(key);
    return value == -1 ? std::nullopt : value;
  };
  DeviceRule rule{.allow = at.get<bool>("allow", false),
                  .major = number("major"),
                  .minor = number("minor"),
                  .access = at.get<std::string>("access", "rwm")};
  if (!at.get<std::string>("type", "").empty())
    rule.type = named(at, "type", "device type", kDeviceRuleTypes).value_or('a');
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    at.at("access").problem(cat("expected letters of rwm, found ", quote(rule.access)));
  return rule;
}

MemoryResources decode_memory(const Reader& at) {
  return MemoryResources{
      .limit = at.get_optional<int64_t>("limit"),
      .reservation = at.get_optional<int64_t>("reservation"),
      .swap = at.get_optional<int64_t>("swap"),
      .swappiness = at.get_optional<uint64_t>("swappiness"),
      .disable_oom_killer = at.get_optional<bool>("disableOOMKiller"),
      .use_hierarchy = at.get_optional<bool>("useHierarchy"),
      .check_before_update = at.get_optional<bool>("checkBeforeUpdate"),
  };
}

CpuResources decode_cpu(const Reader& at) {
  return CpuResources{
      .shares = at.get_optional<uint64_t>("shares"),
      .quota = at.get_optional<int64_t>("quota"),
      .period = at.get_optional<uint64_t>("period"),
      .burst = at.get_optional<uint64_t>("burst"),
      .realtime_runtime = at.get_optional<int64_t>("realtimeRuntime"),
      .realtime_period = at.get_optional<uint64_t>("realtimePeriod"),
      .idle = at.get_optional<int64_t>("idle"),
      .cpus = at.get<std::string>("cpus", ""),
      .mems = at.get<std::string>("mems", ""),
  };
}

Resources decode_resources(const Reader& at) {
  Resources resources;
  resources.devices = list<DeviceRule>(at, "devices", decode_device_rule);
  object_member(at, "memory", [&](const Reader& memory) { resources.memory = decode_memory(memory); });
  object_member(at, "cpu", [&](const Reader& cpu) { resources.cpu = decode_cpu(cpu); });
  object_member(at, "pids",
                [&](const Reader& p) { resources.pids_limit = p.get_optional<int64_t>("limit"); });
  resources.unified = at.get<std::map<std::string, std::string>>("unified", {});
  resources.unsupported = not_supported(at, {"blockIO", "hugepageLimits", "network", "rdma"});
  return resources;
}

SeccompArg decode_seccomp_arg(const Reader& at) {
  return SeccompArg{
      .index = at.require<uint32_t>("index"),
      .value = at.require<uint64_t>("value"),
      .value_two = at.get<uint64_t>("valueTwo", 0),
      .op = require_named(at, "op", "seccomp operator", kSeccompOperators),
  };
}

SeccompRule decode_seccomp_rule(const Reader& at) {
  return SeccompRule{
      .names = at.require<std::vector<std::string>>("names"),
      .action = require_named(at, "action", "seccomp action", kSeccompActions),
      .errno_ret = at.get_optional<uint32_t>("errnoRet"),
      .args = list<SeccompArg>(at, "args", decode_seccomp_arg),
  };
}

Seccomp decode_seccomp(const Reader& at) {
  return Seccomp{
      .default_action = require_named(at, "defaultAction", "seccomp action", kSeccompActions),
      .default_errno_ret = at.get_optional<uint32_t>("defaultErrnoRet"),
      .architectures = at.get<std::vector<std::string>>("architectures", {}),
      .flags = at.get<std::vector<std::string>>("flags", {}),
      .listener_path = at.get<std::string>("listenerPath", ""),
      .listener_metadata = at.get<std::string>("listenerMetadata", ""),
      .rules = list<SeccompRule>(at, "syscalls", decode_seccomp_rule),
  };
}

std::string decode_propagation(const Reader& at) {
  const std::string value = at.get<std::string>("rootfsPropagation", "");
  const bool known =
      value.empty() || std::ranges::find(kRootfsPropagations, value) != std::end(kRootfsPropagations);
  // The recursive forms are what runc's callers write; the specification lists the plain ones.
  const bool recursive = value.starts_with('r') && std::ranges::find(kRootfsPropagations, value.substr(1)) !=
                                                       std::end(kRootfsPropagations);
  if (!known && !recursive) at.at("rootfsPropagation").problem(cat("unknown propagation ", quote(value)));
  return recursive ? value.substr(1) : value;
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
  });
  out.unsupported = not_supported(at, {"intelRdt", "memoryPolicy", "netDevices"});
  return out;
}

}  // namespace

Hooks decode_hooks(const Reader& at) {
  Hooks hooks;
  for (const HookPhase& phase : kHookPhases) hooks.*phase.hooks = list<Hook>(at, phase.name, decode_hook);
  return hooks;
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
