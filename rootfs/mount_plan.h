// SPDX-License-Identifier: Apache-2.0
// From the specification's mounts, devices and path lists to operations. Pure. The rules about /proc, the
// view of a cgroup v1 hierarchy and what has to become read-only only at the end are decided here.
#pragma once

#include <string>
#include <vector>

#include "oci/spec.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// The container's own cgroups, for mounts of type cgroup.
struct CgroupHierarchy {
  std::string name;     // the directory's name below the mount: "memory", "cpu,cpuacct", "systemd", "unified"
  std::string options;  // of mount(2) for that hierarchy: "memory", "cpu,cpuacct", "none,name=systemd"
  std::string type;     // "cgroup" or "cgroup2"
  std::string directory;  // the container's own cgroup in it, on the host
};
struct CgroupView {
  bool unified = false;           // cgroup v2 alone
  std::string unified_directory;  // the container's own, on the host
  std::vector<CgroupHierarchy> v1;
  bool own_namespace = false;  // the container gets a cgroup namespace; set by build_plan
};

struct RootfsInputs {
  std::string path;    // of the root, absolute
  std::string bundle;  // absolute; relative bind sources are below it
  bool no_pivot = false;
  bool bind_devices = false;
  CgroupView cgroup;
  std::vector<std::string> host_proc_mounts;
};

// Throws Error(kConfig): "mounts[3]: …".
RootfsPlan build_rootfs_plan(const oci::Spec& spec, const RootfsInputs& inputs);

// The lexical clean-up of a path of the container: absolute, no ".", "..", or double slashes.
std::string clean_path(std::string_view path);

}  // namespace crunlite::rootfs
