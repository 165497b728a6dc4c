// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_plan.h"

#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/error.h"
#include "oci/annotations.h"
#include "rootfs/id_map_text.h"
#include "rootfs/mount_options.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

namespace crunlite::rootfs {
namespace {

// What may be mounted over below /proc: files that lxcfs and the like replace. Everything else there could
// stand in for what a security label or a sysctl is written to (CVE-2019-16884, CVE-2025-52881).
constexpr std::string_view kReplaceableInProc[] = {
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "net/dev",
    "slabinfo",
    "stat",
    "swaps",
    "sys/crypto/fips_enabled",
    "sys/kernel/ns_last_pid",
    "uptime",
};

constexpr unsigned long kCgroupFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr uint64_t kCgroupAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

struct DefaultDevice {
  const char* path;
  unsigned major;
  unsigned minor;
};
// config-linux.md, Default Devices; console and ptmx are made by their own steps.
constexpr DefaultDevice kDefaultDevices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

// runtime-linux.md, Dev symbolic links; /dev/core as runc and crun have it.
constexpr struct {
  const char* target;
  const char* path;
  LinkRule rule;
} kLinks[] = {
    {"/proc/self/fd", "/dev/fd", LinkRule::kLeave},
    {"/proc/self/fd/0", "/dev/stdin", LinkRule::kLeave},
    {"/proc/self/fd/1", "/dev/stdout", LinkRule::kLeave},
    {"/proc/self/fd/2", "/dev/stderr", LinkRule::kLeave},
    {"/proc/kcore", "/dev/core", LinkRule::kIfThere},
    {"pts/ptmx", "/dev/ptmx", LinkRule::kReplace},
};

constexpr struct {
  std::string_view name;
  unsigned long initial;  // before the first mount: nothing of ours may reach the host
  unsigned long final;    // of the container's root
} kPropagations[] = {
    {"", MS_SLAVE | MS_REC, 0},
    // Volumes can only be shared with the host if the copies of its mounts stay peers.
    {"shared", MS_SHARED, MS_SHARED},
    {"rshared", MS_SHARED | MS_REC, MS_SHARED | MS_REC},
    {"slave", MS_SLAVE | MS_REC, MS_SLAVE},
    {"rslave", MS_SLAVE | MS_REC, 0},
    {"private", MS_PRIVATE | MS_REC, 0},
    {"rprivate", MS_PRIVATE | MS_REC, 0},
    // An unbindable root could not be copied from: only at the end.
    {"unbindable", MS_PRIVATE | MS_REC, MS_UNBINDABLE},
    {"runbindable", MS_PRIVATE | MS_REC, MS_UNBINDABLE | MS_REC},
};

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

// A destination may name the root by its path on the host, as runc has always allowed: then it is the part
// below that counts.
std::string destination_of(const oci::Mount& mount, const RootfsInputs& inputs) {
  std::string path = clean_path(mount.destination);
  if (inputs.path.empty() || inputs.path == "/") return path;
  if (path == inputs.path) return "/";
  return is_below(path, inputs.path) ? path.substr(inputs.path.size()) : path;
}

// The rules of SECURITY.md's R6 that can be decided from the text; the child checks what links make of it.
void check_proc(MountOp& op) {
  if (op.kind == MountKind::kRemount) return;
  if (is_below(op.destination, "/proc")) {
    const std::string_view name = std::string_view(op.destination).substr(sizeof "/proc");
    if (std::ranges::find(kReplaceableInProc, name) == std::end(kReplaceableInProc))
      throw Error(ErrorKind::kConfig, "mounts inside /proc are not allowed: ", op.destination);
    op.allow_in_proc = true;
  }
  if (op.destination != "/proc" || op.type == "proc") return;
  if (op.kind != MountKind::kBind)
    throw Error(ErrorKind::kConfig, "\"/proc\" cannot be mounted because it is not of type proc");
  op.must_be_procfs = true;
}

// linux.mountLabel; which of SELinux's mount options it is, is crun's annotation.
std::string label_option(const oci::Spec& spec) {
  if (spec.linux.mount_label.empty()) return {};
  constexpr std::string_view kTypes[] = {"context", "fscontext", "defcontext", "rootcontext"};
  std::string type = oci::annotation(spec.annotations, oci::kMountContextType);
  if (type.empty()) type = kTypes[0];
  if (std::ranges::find(kTypes, type) == std::end(kTypes))
    throw Error(ErrorKind::kConfig, "annotation ", oci::kMountContextType, ": unknown type ", quote(type),
                " (known: context, fscontext, defcontext, rootcontext)");
  return cat(type, "=\"", spec.linux.mount_label, "\"");
}

std::string with_label(std::string data, const std::string& label) {
  if (label.empty()) return data;
  return cat(data, data.empty() ? "" : ",", label);
}

bool takes_label(std::string_view type) {
  constexpr std::string_view kWithout[] = {"proc", "sysfs", "mqueue", "cgroup", "cgroup2"};
  return std::ranges::find(kWithout, type) == std::end(kWithout);
}

bool has_mode(std::string_view data) {
  const std::vector<std::string_view> options = split(data, ',');
  return std::ranges::any_of(options, [](std::string_view option) { return option.starts_with("mode="); });
}

// A user namespace may only mount these as an owner of the namespace that they show. A caller who leaves the
// container in the host's means the host's instance (`spec --rootless`, podman --net=host with an id map); of
// a network namespace that somebody else made, sysfs is all there is to be had, as with crun. A container
// with a pid or ipc namespace of its own never gets to see the host's.
std::string instance_of_host(std::string_view type, const oci::Linux& linux) {
  const auto in_the_hosts = [&](oci::NamespaceType kind) {
    return std::ranges::find(linux.namespaces, kind, &oci::Namespace::type) == linux.namespaces.end();
  };
  const auto is_new = [&](oci::NamespaceType kind) {
    return std::ranges::any_of(linux.namespaces,
                               [&](const oci::Namespace& ns) { return ns.type == kind && ns.path.empty(); });
  };
  if (type == "sysfs" && !is_new(oci::NamespaceType::kNetwork)) return "/sys";
  if (type == "proc" && in_the_hosts(oci::NamespaceType::kPid)) return "/proc";
  if (type == "mqueue" && in_the_hosts(oci::NamespaceType::kIpc)) return "/dev/mqueue";
  return "";
}

// With options a bind mount has those flags and no others, as `mount --bind -o` has it, and runc; without any
// it keeps its source's. In a user namespace the kernel locks most of them: there they stay unless an option
// says otherwise. Access times stay anyway.
AttrChange flags_of_bind(const MountOptions& options, bool in_user_namespace) {
  AttrChange change = options.attributes;
  if (change.empty()) return change;
  uint64_t implied = MOUNT_ATTR_NOSYMFOLLOW;
  if (!in_user_namespace)
    implied |= MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  change.clear |= implied & ~change.set;
  return change;
}

MountOp plain_mount(const oci::Mount& mount, const MountOptions& options, const oci::Spec& spec,
                    const RootfsInputs& inputs) {
  MountOp op;
  op.destination = destination_of(mount, inputs);
  op.source = mount.source;
  op.propagation = options.propagation;
  op.recursive = options.recursive;
  if (options.target_link) op.target = TargetRule::kLastAsItIs;
  if (options.remount) {
    op.kind = MountKind::kRemount;
    op.flags = options.flags | (options.bind ? static_cast<unsigned long>(MS_BIND) : 0UL);
    op.attributes = options.attributes;
    op.data = options.data;
  } else if (options.bind || mount.type == "bind") {
    op.kind = MountKind::kBind;
    op.type = "bind";
    if (!op.source.starts_with('/')) op.source = cat(inputs.bundle, "/", op.source);  // config.md, Mounts
    op.recursive_bind = options.recursive_bind;
    op.attributes = flags_of_bind(options, inputs.bind_devices);
    op.source_link = options.source_link;
    op.copy_link = options.copy_link;
    op.id_map = options.id_map;
    if (!mount.uid_mappings.empty() && op.id_map == IdMap::kNone) op.id_map = IdMap::kTop;
  } else {
    op.kind = MountKind::kFilesystem;
    op.type = mount.type;
    if (op.source.empty()) op.source = mount.type;
    op.flags = options.flags;
    op.data = takes_label(op.type) ? with_label(options.data, label_option(spec)) : options.data;
    op.copy_up = options.copy_up && op.type == "tmpfs";
    op.mode_of_target = op.type == "tmpfs" && !op.copy_up && !has_mode(options.data);
    if (op.type == "proc" || op.type == "sysfs") op.target = TargetRule::kRealDirectory;
    if (inputs.bind_devices) op.bind_when_denied = instance_of_host(op.type, spec.linux);
    if (!op.bind_when_denied.empty()) op.attributes = options.attributes;
  }
  // Mount points and devices are still to be made in them.
  const bool ro = (op.attributes.set | op.recursive.set) & MOUNT_ATTR_RDONLY || op.flags & MS_RDONLY;
  if (ro && op.kind == MountKind::kFilesystem && op.type == "tmpfs")
    op.recursive.set &= ~uint64_t{MOUNT_ATTR_RDONLY};
  if (ro && op.kind != MountKind::kRemount && (op.type == "tmpfs" || op.destination == "/dev")) {
    op.read_only_later = true;
    op.flags &= ~static_cast<unsigned long>(MS_RDONLY);
    op.attributes.set &= ~uint64_t{MOUNT_ATTR_RDONLY};
  }
  check_proc(op);
  return op;
}

MountOp bind_cgroup(const std::string& source, const std::string& destination, bool read_only) {
  MountOp op;
  op.kind = MountKind::kBind;
  op.type = "bind";
  op.source = source;
  op.destination = destination;
  op.attributes.set = kCgroupAttributes | (read_only ? uint64_t{MOUNT_ATTR_RDONLY} : 0);
  return op;
}

// Only the container's own cgroups can be seen: a writable or complete host hierarchy is an escape
// (CVE-2022-0492).
void add_cgroup_v1(RootfsPlan& plan, const std::string& base, const MountOptions& options,
                   const CgroupView& view) {
  const bool read_only = options.flags & MS_RDONLY;
  MountOp top;
  top.destination = base;
  top.type = "tmpfs";
  top.source = "tmpfs";
  top.data = "mode=755";
  top.flags = kCgroupFlags;
  top.propagation = options.propagation;
  top.read_only_later = read_only;
  plan.mounts.push_back(std::move(top));
  for (const CgroupHierarchy& hierarchy : view.v1) {
    const std::string destination = cat(base, "/", hierarchy.name);
    if (view.own_namespace) {
      MountOp op;
      op.destination = destination;
      op.type = hierarchy.type;
      op.source = "cgroup";
      op.data = hierarchy.options;
      op.flags = kCgroupFlags | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL);
      plan.mounts.push_back(std::move(op));
    } else {
      plan.mounts.push_back(bind_cgroup(hierarchy.directory, destination, read_only));
    }
    // "cpu,cpuacct" is one hierarchy; programs look for either name.
    if (hierarchy.name.find(',') == std::string::npos) continue;
    for (const std::string_view controller : split(hierarchy.name, ',')) {
      MountOp link;
      link.kind = MountKind::kSymlink;
      link.source = hierarchy.name;
      link.destination = cat(base, "/", controller);
      plan.mounts.push_back(std::move(link));
    }
  }
}

void add_cgroup_v2(RootfsPlan& plan, const std::string& destination, const MountOptions& options,
                   const CgroupView& view) {
  const bool read_only = options.flags & MS_RDONLY;
  MountOp op = bind_cgroup(view.unified_directory, destination, read_only);
  op.propagation = options.propagation;
  if (view.own_namespace) {
    op.kind = MountKind::kFilesystem;
    op.type = "cgroup2";
    op.flags = options.flags | kCgroupFlags;
    op.data = options.data;
    op.bind_when_denied = view.unified_directory;
  }
  plan.mounts.push_back(std::move(op));
}

// Where below the root the source is, if the mounts before this one have put something there: it can only be
// opened when they are made. "" for all others, and where the child opens every source anyway.
std::string inner_source(const RootfsPlan& plan, const MountOp& op, const RootfsInputs& inputs) {
  if (op.kind != MountKind::kBind || op.copy_link || op.source_link || inputs.path.empty()) return "";
  if (!inputs.bind_devices && op.id_map == IdMap::kNone) return "";
  if (cat(op.source, "/").find("/../") != std::string::npos) return "";  // where that leads, links decide
  const std::string path = clean_path(op.source);
  if (!is_below(path, inputs.path)) return "";
  const std::string inside = path.substr(inputs.path.size());
  const bool made = std::ranges::any_of(plan.mounts, [&](const MountOp& earlier) {
    if (earlier.kind == MountKind::kRemount || earlier.kind == MountKind::kSymlink) return false;
    return earlier.destination == inside || is_below(inside, earlier.destination) ||
           (op.recursive_bind && is_below(earlier.destination, inside));
  });
  return made ? inside : "";
}

void add_mount(RootfsPlan& plan, const oci::Spec& spec, const oci::Mount& mount, const RootfsInputs& inputs) {
  const CgroupView& view = inputs.cgroup;
  const MountOptions options = parse_mount_options(mount.options);
  const bool cgroup = (mount.type == "cgroup" || mount.type == "cgroup2") && !options.bind;
  if (cgroup) plan.mounts_before_cgroup = std::min(plan.mounts_before_cgroup, plan.mounts.size());
  if (!cgroup) {
    MountOp planned = plain_mount(mount, options, spec, inputs);
    planned.inner_source = inner_source(plan, planned, inputs);
    plan.mounts.push_back(std::move(planned));
    MountOp& op = plan.mounts.back();
    std::string problem;
    MountIdMaps maps = mount_id_maps(mount, options.id_map_text, spec.linux, problem);
    if (!problem.empty())
      throw Error(ErrorKind::kConfig, "option ", quote(options.id_map_text), ": ", problem);
    op.uid_map = std::move(maps.uids);
    op.gid_map = std::move(maps.gids);
    op.index = static_cast<size_t>(&mount - spec.mounts.data());
  } else if (view.unified) {
    add_cgroup_v2(plan, destination_of(mount, inputs), options, view);
  } else {
    add_cgroup_v1(plan, destination_of(mount, inputs), options, view);
  }
}

mode_t type_bits(oci::DeviceType type) {
  switch (type) {
    case oci::DeviceType::kCharacter:
      return S_IFCHR;
    case oci::DeviceType::kBlock:
      return S_IFBLK;
    case oci::DeviceType::kFifo:
      return S_IFIFO;
  }
  return S_IFCHR;
}

void add_devices(RootfsPlan& plan, const oci::Spec& spec) {
  for (const DefaultDevice& device : kDefaultDevices)
    plan.devices.push_back({device.path, S_IFCHR | 0666, makedev(device.major, device.minor)});
  for (const oci::Device& device : spec.linux.devices) {
    DeviceOp op{clean_path(device.path)};
    op.mode = type_bits(device.type) | (device.file_mode.value_or(0666) & 07777);
    if (device.type != oci::DeviceType::kFifo)
      op.device = makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
    op.uid = device.uid;
    op.gid = device.gid;
    const auto same = std::ranges::find(plan.devices, op.path, &DeviceOp::path);
    if (same != plan.devices.end())
      *same = std::move(op);
    else
      plan.devices.push_back(std::move(op));
  }
  for (const auto& link : kLinks) plan.links.push_back({link.target, link.path, link.rule});
}

bool brings_its_own_dev(const RootfsPlan& plan) {
  return std::ranges::any_of(
      plan.mounts, [](const MountOp& op) { return op.kind == MountKind::kBind && op.destination == "/dev"; });
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string out;
  for (const std::string_view part : parts) out += cat("/", part);
  return out.empty() ? "/" : out;
}

RootfsPlan build_rootfs_plan(const oci::Spec& spec, const RootfsInputs& inputs) {
  RootfsPlan plan;
  plan.path = inputs.path;
  plan.no_pivot = inputs.no_pivot;
  plan.bind_devices = inputs.bind_devices;
  plan.readonly = spec.root.readonly;
  plan.masked = spec.linux.masked_paths;
  plan.read_only = spec.linux.readonly_paths;
  if (inputs.no_pivot) plan.unmount_without_pivot = inputs.host_proc_mounts;
  const auto propagation = std::ranges::find_if(
      kPropagations, [&](const auto& row) { return row.name == spec.linux.rootfs_propagation; });
  if (propagation == std::end(kPropagations))
    throw Error(ErrorKind::kConfig, "unknown rootfsPropagation ", quote(spec.linux.rootfs_propagation));
  plan.initial_propagation = propagation->initial;
  plan.propagation = propagation->final;
  plan.mounts_before_cgroup = SIZE_MAX;
  for (size_t i = 0; i < spec.mounts.size(); ++i)
    with_context(cat("mounts[", i, "]"), [&] { add_mount(plan, spec, spec.mounts[i], inputs); });
  plan.mounts_before_cgroup = std::min(plan.mounts_before_cgroup, plan.mounts.size());
  if (!brings_its_own_dev(plan)) add_devices(plan, spec);
  return plan;
}

}  // namespace crunlite::rootfs
