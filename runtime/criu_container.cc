// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu_container.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <climits>

#include "base/error.h"
#include "base/rooted_dir.h"
#include "base/user_namespace.h"
#include "oci/names.h"
#include "rootfs/mount_plan.h"
#include "runtime/create_steps.h"

namespace crunlite::runtime {
namespace {

// What is mounted over a masked file: one name for all.
constexpr std::string_view kNull = "/dev/null";
// A container that was created with NOTIFY_SOCKET has this mount besides those of config.json.
constexpr std::string_view kNotify = "/run/notify";

bool has_namespace(const oci::Linux& linux, oci::NamespaceType type) {
  return std::ranges::find(linux.namespaces, type, &oci::Namespace::type) != linux.namespaces.end();
}

void refuse_what_criu_cannot(const rootfs::RootfsPlan& plan) {
  for (const rootfs::MountOp& op : plan.mounts) {
    const std::string_view why = op.id_map != rootfs::IdMap::kNone ? "mapped ids (idmap)"
                                 : op.source_link                  ? "a link as its source (src-nofollow)"
                                                                   : "";
    if (!why.empty())
      throw Error(ErrorKind::kUnsupported, "the mount on ", op.destination, " has ", why,
                  ", which criu cannot make again");
  }
}

// The names of what comes from outside, and what it is on the host.
struct External {
  std::string name;
  std::string source;
};

std::vector<External> externals_of(const rootfs::RootfsPlan& plan) {
  std::vector<External> out;
  for (const rootfs::MountOp& op : plan.mounts)
    if (op.kind == rootfs::MountKind::kBind) out.push_back({op.destination, op.source});
  // In a user namespace the devices are the host's.
  if (plan.bind_devices)
    for (const rootfs::DeviceOp& device : plan.devices) out.push_back({device.path, device.path});
  return out;
}

bool is_null_device(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

std::string external_mount(std::string_view key, std::string_view value) {
  return cat("mnt[", key, "]:", value);
}

// The root of another process, as a place to look things up in.
class OtherRoot {
 public:
  OtherRoot(const Proc& proc, pid_t pid)
      : proc_(proc),
        root_(check(sys::open_at(proc.fd(), cat(pid, "/root").c_str(), O_PATH | O_DIRECTORY),
                    "open the container's root")) {}

  UniqueFd find(const std::string& path) const {
    sys::Result<UniqueFd> found = root_.open(path.c_str(), O_PATH);
    return found.ok() ? std::move(*found) : UniqueFd();
  }
  // Where links have led: a mount point as its mountinfo has it.
  std::string path_of(const UniqueFd& fd) const {
    char text[PATH_MAX];
    const sys::Result<size_t> size =
        sys::readlink_at(proc_.fd(), cat("self/fd/", fd.get()).c_str(), text, sizeof text);
    return size.ok() ? std::string(text, *size) : "";
  }

 private:
  const Proc& proc_;
  RootedDir root_;
};

// criu has a key of its own for the two that it takes over as a whole; the others it joins by path.
struct KeptNamespace {
  oci::NamespaceType type;
  std::string_view kind;  // in "net[…]" and below /proc/PID/ns
  std::string_view key;
};
constexpr KeptNamespace kKept[] = {
    {oci::NamespaceType::kNetwork, "net", "extRootNetNS"},
    {oci::NamespaceType::kPid, "pid", "extRootPidNS"},
};

const KeptNamespace* kept(oci::NamespaceType type) {
  const auto found = std::ranges::find(kKept, type, &KeptNamespace::type);
  return found == std::end(kKept) ? nullptr : &*found;
}

std::string joined_name(oci::NamespaceType type) {
  return type == oci::NamespaceType::kMount ? "mnt" : std::string(oci::name_of(oci::kNamespaceTypes, type));
}

}  // namespace

rootfs::RootfsPlan mounts_for_criu(const oci::Spec& spec, const Record& record, const Proc& proc) {
  if (!has_namespace(spec.linux, oci::NamespaceType::kMount))
    throw Error(ErrorKind::kUnsupported,
                "a container without a mount namespace of its own cannot be checkpointed");
  rootfs::RootfsInputs inputs{
      .path = record.rootfs,
      .bundle = record.bundle,
      .bind_devices = in_user_namespace(proc) || has_namespace(spec.linux, oci::NamespaceType::kUser),
      .cgroup = cgroup_view(record.cgroup, proc),
  };
  inputs.cgroup.own_namespace = has_namespace(spec.linux, oci::NamespaceType::kCgroup);
  rootfs::RootfsPlan plan = rootfs::build_rootfs_plan(spec, inputs);
  refuse_what_criu_cannot(plan);
  return plan;
}

std::vector<std::string> external_at_dump(const rootfs::RootfsPlan& plan, pid_t pid, const Proc& proc) {
  const OtherRoot root(proc, pid);
  std::vector<std::string> out;
  std::vector<External> externals = externals_of(plan);
  externals.push_back({std::string(kNotify), ""});
  for (const External& external : externals)
    if (const UniqueFd at = root.find(external.name); at.valid())
      out.push_back(external_mount(root.path_of(at), external.name));
  for (const std::string& masked : plan.masked) {
    const UniqueFd at = root.find(masked);
    if (!at.valid()) continue;
    if (is_null_device(check(sys::fstat(at.get()), "stat ", masked)))
      out.push_back(external_mount(root.path_of(at), kNull));
  }
  return out;
}

std::vector<std::string> external_at_restore(const rootfs::RootfsPlan& plan) {
  std::vector<std::string> out;
  for (const External& external : externals_of(plan))
    out.push_back(external_mount(external.name, external.source));
  if (!plan.masked.empty()) out.push_back(external_mount(kNull, kNull));
  return out;
}

std::vector<std::string> joined_at_dump(const oci::Linux& linux, pid_t pid, const Proc& proc) {
  std::vector<std::string> out;
  for (const oci::Namespace& ns : linux.namespaces) {
    const KeptNamespace* row = kept(ns.type);
    if (!row || ns.path.empty()) continue;
    // What the container is in; the path may be gone by now.
    const struct stat st = check(sys::stat_at(proc.fd(), cat(pid, "/ns/", row->kind).c_str(), 0),
                                 "stat of the ", row->kind, " namespace");
    out.push_back(cat(row->kind, "[", st.st_ino, "]:", row->key));
  }
  return out;
}

JoinedAtRestore joined_at_restore(const oci::Linux& linux, int first) {
  JoinedAtRestore out;
  for (const oci::Namespace& ns : linux.namespaces) {
    if (ns.path.empty()) continue;
    if (ns.type == oci::NamespaceType::kCgroup)
      throw Error(ErrorKind::kUnsupported, "criu cannot restore a container into the cgroup namespace ",
                  ns.path);
    UniqueFd fd = check(sys::open_at(AT_FDCWD, ns.path.c_str(), O_RDONLY), "open namespace ", ns.path);
    const KeptNamespace* row = kept(ns.type);
    if (!row) {
      out.joined.push_back({joined_name(ns.type), ns.path});
      continue;
    }
    out.inherited.push_back({std::string(row->key), first + static_cast<int>(out.fds.size())});
    out.fds.push_back(std::move(fd));
  }
  return out;
}

// cgroups(7): "4:cpu,cpuacct:/a", "0::/a"
std::vector<CriuCgroupRoot> cgroup_roots(std::string_view cgroup) {
  std::vector<CriuCgroupRoot> out;
  for (const std::string_view line : split(cgroup, '\n')) {
    const size_t one = line.find(':');
    const size_t two = one == std::string_view::npos ? one : line.find(':', one + 1);
    if (two == std::string_view::npos) continue;
    const std::string path(line.substr(two + 1));
    for (const std::string_view controller : split(line.substr(one + 1, two - one - 1), ','))
      out.push_back({std::string(controller), path});
  }
  return out;
}

}  // namespace crunlite::runtime
