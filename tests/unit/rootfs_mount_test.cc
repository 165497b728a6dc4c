// SPDX-License-Identifier: Apache-2.0
// Mount options, and the mount plan of a specification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <map>

#include "base/error.h"
#include "rootfs/id_map_text.h"
#include "rootfs/mount_options.h"
#include "rootfs/mount_plan.h"

namespace crunlite::rootfs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsSupersetOf;

std::string error_of(const oci::Spec& spec) {
  try {
    (void)build_rootfs_plan(spec, {});
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

oci::Spec with_mount(oci::Mount mount) {
  oci::Spec spec;
  spec.mounts.push_back(std::move(mount));
  return spec;
}

TEST(MountOptions, FlagsPropagationAndData) {
  const MountOptions o = parse_mount_options({"rbind", "ro", "nosuid", "rprivate", "shared", "size=1k", "x"});
  EXPECT_TRUE(o.bind);
  EXPECT_TRUE(o.recursive_bind);
  EXPECT_EQ(o.flags, MS_RDONLY | MS_NOSUID);
  EXPECT_EQ(o.attributes.set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
  EXPECT_THAT(o.propagation, ElementsAre(MS_PRIVATE | MS_REC, MS_SHARED));
  EXPECT_EQ(o.data, "size=1k,x");
}

TEST(MountOptions, TheLastOneWins) {
  const MountOptions o = parse_mount_options({"ro", "rw", "noatime", "strictatime", "exec", "noexec"});
  EXPECT_EQ(o.flags & MS_RDONLY, 0u);
  EXPECT_EQ(o.attributes.clear & MOUNT_ATTR_RDONLY, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(o.attributes.set & MOUNT_ATTR__ATIME, uint64_t{MOUNT_ATTR_STRICTATIME});
  EXPECT_EQ(o.attributes.clear & MOUNT_ATTR__ATIME, uint64_t{MOUNT_ATTR__ATIME});
  EXPECT_EQ(o.attributes.set & MOUNT_ATTR_NOEXEC, uint64_t{MOUNT_ATTR_NOEXEC});
  EXPECT_EQ(o.attributes.clear & MOUNT_ATTR_NOEXEC, 0u);
}

TEST(MountOptions, KnowsEveryOneOfTheSpecification) {
  EXPECT_THAT(mount_option_names(),
              IsSupersetOf({"copy-symlink", "src-nofollow",   "dest-nofollow", "async",        "atime",
                            "bind",         "defaults",       "dev",           "diratime",     "dirsync",
                            "exec",         "iversion",       "lazytime",      "loud",         "noatime",
                            "nodev",        "nodiratime",     "noexec",        "noiversion",   "nolazytime",
                            "norelatime",   "nostrictatime",  "nosuid",        "nosymfollow",  "private",
                            "ratime",       "rbind",          "rdev",          "rdiratime",    "relatime",
                            "remount",      "rexec",          "rnoatime",      "rnodiratime",  "rnoexec",
                            "rnorelatime",  "rnostrictatime", "rnosuid",       "rnosymfollow", "ro",
                            "rprivate",     "rrelatime",      "rro",           "rrw",          "rshared",
                            "rslave",       "rstrictatime",   "rsuid",         "rsymfollow",   "runbindable",
                            "rw",           "shared",         "silent",        "slave",        "strictatime",
                            "suid",         "symfollow",      "sync",          "tmpcopyup",    "unbindable",
                            "idmap",        "ridmap"}));
}

TEST(MountOptions, TheAccessTimeModesExcludeEachOther) {
  EXPECT_EQ(parse_mount_options({"noatime", "relatime"}).flags, unsigned{MS_RELATIME});
  EXPECT_EQ(parse_mount_options({"strictatime", "noatime"}).flags, unsigned{MS_NOATIME});
  EXPECT_EQ(parse_mount_options({"noatime", "norelatime"}).flags, unsigned{MS_STRICTATIME});
  EXPECT_EQ(parse_mount_options({"noatime", "atime", "nodiratime"}).flags, unsigned{MS_NODIRATIME});
}

MountIdMaps maps_of(std::string_view option, std::string& problem) {
  oci::Linux linux;
  linux.uid_mappings = {{0, 100000, 10}, {10, 500, 10}};
  linux.gid_mappings = {{0, 200000, 10}};
  return mount_id_maps({}, option, linux, problem);
}

TEST(MountIdMaps, AbsoluteAndRelativeToTheContainer) {
  std::string problem;
  const MountIdMaps maps = maps_of("idmap=uids=0-1000-5#5-3000-2;gids=@3-4-5", problem);
  EXPECT_EQ(problem, "");
  EXPECT_EQ(id_map_text(maps.uids), "0 1000 5\n5 3000 2\n");
  EXPECT_EQ(id_map_text(maps.gids), "3 200004 5\n");
  EXPECT_EQ(id_map_text(maps_of("ridmap=uids=@1-12-1;gids=0-0-1", problem).uids), "1 502 1\n");
}

TEST(MountIdMaps, WhatIsWrong) {
  for (const auto& [option, expected] :
       std::map<std::string, std::string>{{"idmap=", "\"\" is neither uids nor gids"},
                                          {"idmap=uids=0-0-1", "needs uids and gids"},
                                          {"idmap=uids=0-0;gids=0-0-1", "\"0-0\" is not FROM-TO-SIZE"},
                                          {"idmap=uids=0-0-0;gids=0-0-1", "\"0-0-0\" is not FROM-TO-SIZE"},
                                          {"idmap=uids=@0-99-1;gids=0-0-1", "@: the container maps no id 99"},
                                          {"idmap=x=0-0-1", "\"x\" is neither uids nor gids"}}) {
    std::string problem;
    EXPECT_TRUE(maps_of(option, problem).uids.empty());
    EXPECT_EQ(problem, expected) << option;
  }
}

TEST(CleanPath, IsLexicalAndStaysInside) {
  EXPECT_EQ(clean_path("a//b/./c/"), "/a/b/c");
  EXPECT_EQ(clean_path("/../../x/../y"), "/y");
  EXPECT_EQ(clean_path("/.."), "/");
}

TEST(MountPlan, ReadOnlyTmpfsAndDevWaitForTheirContents) {
  RootfsPlan plan = build_rootfs_plan(with_mount({"/t", "tmpfs", "", {"ro", "nodev"}}), {});
  EXPECT_TRUE(plan.mounts[0].read_only_later);
  EXPECT_EQ(plan.mounts[0].flags, static_cast<unsigned long>(MS_NODEV));
  EXPECT_EQ(plan.mounts[0].source, "tmpfs");
  plan = build_rootfs_plan(with_mount({"/sys", "sysfs", "sysfs", {"ro"}}), {});
  EXPECT_FALSE(plan.mounts[0].read_only_later);
  EXPECT_EQ(plan.mounts[0].target, TargetRule::kRealDirectory);
}

TEST(MountPlan, ProcIsOnlyReplacedByProcAndFilesOfTheList) {
  EXPECT_EQ(error_of(with_mount({"/proc", "proc", "proc", {}})), "");
  EXPECT_EQ(error_of(with_mount({"/proc/uptime", "bind", "/x", {"bind"}})), "");
  EXPECT_EQ(error_of(with_mount({"/proc", "tmpfs", "x", {}})),
            "mounts[0]: \"/proc\" cannot be mounted because it is not of type proc");
  EXPECT_EQ(error_of(with_mount({"/x/../proc//sys", "bind", "/x", {"bind"}})),
            "mounts[0]: mounts inside /proc are not allowed: /proc/sys");
  EXPECT_TRUE(
      build_rootfs_plan(with_mount({"/proc", "bind", "/proc", {"rbind"}}), {}).mounts[0].must_be_procfs);
}

TEST(MountPlan, RelativeBindSourcesAreInTheBundle) {
  RootfsInputs inputs;
  inputs.bundle = "/b";
  EXPECT_EQ(build_rootfs_plan(with_mount({"/x", "bind", "files", {}}), inputs).mounts[0].source, "/b/files");
}

TEST(MountPlan, ADestinationMayNameTheRootByItsPathOnTheHost) {
  RootfsInputs inputs;
  inputs.path = "/b/root";
  const auto destination = [&](const char* path) {
    return build_rootfs_plan(with_mount({path, "tmpfs", "", {}}), inputs).mounts[0].destination;
  };
  EXPECT_EQ(destination("/b/root/x/../y"), "/y");
  EXPECT_EQ(destination("/b/root"), "/");
  EXPECT_EQ(destination("/b/rootless"), "/b/rootless");
  EXPECT_EQ(destination("/b"), "/b");
  inputs.path = "/";
  EXPECT_EQ(destination("/b"), "/b");
}

TEST(MountPlan, ASourceThatAnEarlierMountMakesIsOpenedInside) {
  RootfsInputs inputs;
  inputs.path = "/b/root";
  inputs.bind_devices = true;
  const auto inner = [&](const char* source, const char* earlier, std::vector<std::string> options) {
    oci::Spec spec = with_mount({earlier, "bind", "/data", {}});
    spec.mounts.push_back({"/x", "bind", source, std::move(options)});
    return build_rootfs_plan(spec, inputs).mounts[1].inner_source;
  };
  EXPECT_EQ(inner("/b/root/mnt/sub", "/mnt", {}), "/mnt/sub");
  EXPECT_EQ(inner("/b/root/mnt", "/mnt", {}), "/mnt");
  EXPECT_EQ(inner("/b/root/mnt", "/mnt/sub", {"rbind"}), "/mnt");
  EXPECT_EQ(inner("/b/root/mnt", "/mnt/sub", {}), "");
  EXPECT_EQ(inner("/b/root/mnt", "/other", {"rbind"}), "");
  EXPECT_EQ(inner("/b/root/mnt/../../elsewhere", "/mnt", {}), "");
  EXPECT_EQ(inner("/b/rootless/mnt", "/mnt", {}), "");
  inputs.bind_devices = false;
  EXPECT_EQ(inner("/b/root/mnt", "/mnt", {}), "");
  EXPECT_EQ(inner("/b/root/mnt", "/mnt", {"idmap"}), "/mnt");
}

TEST(MountPlan, CgroupV1IsAViewOfTheContainersOwn) {
  RootfsInputs inputs;
  inputs.cgroup.v1 = {{"cpu,cpuacct", "cpu,cpuacct", "cgroup", "/sys/fs/cgroup/cpu,cpuacct/me"}};
  const RootfsPlan bound =
      build_rootfs_plan(with_mount({"/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}}), inputs);
  ASSERT_EQ(bound.mounts.size(), 4u);
  EXPECT_TRUE(bound.mounts[0].read_only_later);
  EXPECT_EQ(bound.mounts[1].kind, MountKind::kBind);
  EXPECT_EQ(bound.mounts[1].source, "/sys/fs/cgroup/cpu,cpuacct/me");
  EXPECT_TRUE(bound.mounts[1].attributes.set & MOUNT_ATTR_RDONLY);
  EXPECT_EQ(bound.mounts[2].kind, MountKind::kSymlink);
  EXPECT_EQ(bound.mounts[2].destination, "/sys/fs/cgroup/cpu");
  EXPECT_EQ(bound.mounts_before_cgroup, 0u);
  inputs.cgroup.own_namespace = true;
  const RootfsPlan mounted =
      build_rootfs_plan(with_mount({"/sys/fs/cgroup", "cgroup", "cgroup", {}}), inputs);
  EXPECT_EQ(mounted.mounts[1].kind, MountKind::kFilesystem);
  EXPECT_EQ(mounted.mounts[1].data, "cpu,cpuacct");
}

TEST(MountPlan, CgroupV2WithoutANamespaceIsOnlyTheContainersOwn) {
  RootfsInputs inputs;
  inputs.cgroup.unified = true;
  inputs.cgroup.unified_directory = "/sys/fs/cgroup/me";
  EXPECT_EQ(
      build_rootfs_plan(with_mount({"/sys/fs/cgroup", "cgroup", "cgroup", {}}), inputs).mounts[0].source,
      "/sys/fs/cgroup/me");
  inputs.cgroup.own_namespace = true;
  const RootfsPlan plan =
      build_rootfs_plan(with_mount({"/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}}), inputs);
  EXPECT_EQ(plan.mounts[0].type, "cgroup2");
  EXPECT_EQ(plan.mounts[0].bind_when_denied, "/sys/fs/cgroup/me");
}

TEST(MountPlan, DevicesOfTheSpecReplaceDefaultOnesAndABoundDevHasNone) {
  oci::Spec spec;
  spec.linux.devices = {{oci::DeviceType::kCharacter, "/dev/null", 1, 3, 0600, 1, 2}};
  const RootfsPlan plan = build_rootfs_plan(spec, {});
  EXPECT_EQ(plan.devices.size(), 6u);
  EXPECT_THAT(plan.devices, Contains(Field(&DeviceOp::uid, 1u)));
  EXPECT_EQ(build_rootfs_plan(with_mount({"/dev", "bind", "/d", {"rbind"}}), {}).devices.size(), 0u);
}

TEST(MountPlan, InAUserNamespaceTheHostsInstanceMayStandIn) {
  const auto stand_in = [](const char* type, bool user_namespace,
                           const std::vector<oci::Namespace>& namespaces) {
    RootfsInputs inputs;
    inputs.bind_devices = user_namespace;
    oci::Spec spec = with_mount({type == std::string_view("proc") ? "/proc" : "/m", type, type, {"ro"}});
    spec.linux.namespaces = namespaces;
    return build_rootfs_plan(spec, inputs).mounts[0].bind_when_denied;
  };
  using enum oci::NamespaceType;
  EXPECT_EQ(stand_in("sysfs", false, {}), "");
  EXPECT_EQ(stand_in("sysfs", true, {}), "/sys");
  EXPECT_EQ(stand_in("sysfs", true, {{kNetwork, "/run/netns/x"}}), "/sys");
  EXPECT_EQ(stand_in("sysfs", true, {{kNetwork, ""}}), "");
  EXPECT_EQ(stand_in("proc", true, {}), "/proc");
  EXPECT_EQ(stand_in("proc", true, {{kPid, ""}}), "");
  EXPECT_EQ(stand_in("proc", true, {{kPid, "/proc/5/ns/pid"}}), "");
  EXPECT_EQ(stand_in("mqueue", true, {{kPid, ""}}), "/dev/mqueue");
  EXPECT_EQ(stand_in("mqueue", true, {{kIpc, ""}}), "");
  EXPECT_EQ(stand_in("tmpfs", true, {}), "");
}

TEST(MountPlan, LabelsGoIntoTheDataOfNewFileSystems) {
  oci::Spec spec = with_mount({"/t", "tmpfs", "tmpfs", {"size=1k"}});
  spec.mounts.push_back({"/proc", "proc", "proc", {}});
  spec.linux.mount_label = "a:b";
  const RootfsPlan plan = build_rootfs_plan(spec, {});
  EXPECT_EQ(plan.mounts[0].data, "size=1k,context=\"a:b\"");
  EXPECT_EQ(plan.mounts[1].data, "");
  spec.annotations["run.oci.mount_context_type"] = "rootcontext";
  EXPECT_EQ(build_rootfs_plan(spec, {}).mounts[0].data, "size=1k,rootcontext=\"a:b\"");
  spec.annotations["run.oci.mount_context_type"] = "nocontext";
  EXPECT_THROW((void)build_rootfs_plan(spec, {}), Error);
}

}  // namespace
}  // namespace crunlite::rootfs
