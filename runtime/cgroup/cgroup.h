// SPDX-License-Identifier: Apache-2.0
// The control groups of one container, on cgroup v1, v2 or both side by side (hybrid): where they will be,
// making them, limits, members, freezing, killing and removing. It drives cgroupfs itself, or lets systemd
// make a unit and does the rest (start_unit()). It mounts nothing inside the container (that is rootfs/, from
// container_cgroup_mounts()).
//
//   CgroupPlan plan = plan_cgroup({.spec_path = …, .id = id, .owner = state_dir}, proc);  // write it to the
//   record Cgroup cgroup = Cgroup::create(plan);             // removed again if we unwind
//   cgroup.apply(spec.linux.resources);
//   …clone3 with CLONE_INTO_CGROUP and cgroup.clone_fd(), if that is not -1…
//   cgroup.join(child, InV2::kYes or kNo);            // every v1 hierarchy; before the child goes on
//   cgroup.keep();
//
// With the systemd manager a cgroup comes into being around a process: instead of apply() and join(),
//   …clone3…
//   cgroup.start_unit(child, {.resources = …, .annotations = …});   // before the child goes on
//
// A cgroup namespace takes its root from where the process is when it is made: on v1 and hybrid the child
// unshares it after join(), not in clone3.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/proc.h"
#include "base/unique_fd.h"
#include "oci/spec.h"
#include "runtime/cgroup/oom.h"
#include "runtime/cgroup/systemd_unit.h"
#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {

enum class CgroupManager { kCgroupfs, kSystemd, kDisabled };
// "cgroupfs", "systemd", "disabled"; anything else is a kUsage error.
CgroupManager parse_cgroup_manager(std::string_view name);
std::string_view cgroup_manager_name(CgroupManager manager);

// The container's place in one mounted hierarchy.
struct CgroupHierarchy {
  std::vector<std::string> controllers;  // v1: {"cpu","cpuacct"} or {"name=systemd"}; v2: what it may enable
  bool v2 = false;
  std::string mount_point;  // "/sys/fs/cgroup/memory"
  std::string path;         // below the mount point, absolute, no "." or "..": "/crun-lite/web"
  bool existed = false;     // somebody else had made it before: used, never removed

  std::string full_path() const { return mount_point + path; }
};

// All places, chosen before any of them exists, so that they can be journalled first.
struct CgroupPlan {
  CgroupManager manager = CgroupManager::kCgroupfs;
  std::string id;
  std::string owner;                         // the state directory: tells two containers "web" apart
  std::vector<CgroupHierarchy> hierarchies;  // empty with kDisabled
  std::optional<SystemdUnit> systemd;        // exactly with kSystemd
  // Made by somebody without privileges, who usually may do little or nothing in cgroupfs: no device filter,
  // no v1; and with `may_be_missing` no cgroup at all, unless a limit needs one.
  bool rootless = false;
  bool may_be_missing = false;

  const CgroupHierarchy* v2() const;
  const CgroupHierarchy* with_controller(std::string_view controller) const;
};
json::Value encode_cgroup_plan(const CgroupPlan& plan);
CgroupPlan decode_cgroup_plan(const json::Reader& reader);

struct CgroupRequest {
  std::string spec_path;  // linux.cgroupsPath
  std::string id;
  std::string owner;
  CgroupManager manager = CgroupManager::kCgroupfs;
  SystemdAccess systemd;         // for kSystemd
  std::string systemd_subgroup;  // a path below the unit's cgroup; empty: that itself
  bool rootless = false;
};
// cgroupsPath as runc reads it: absolute is below the mount point, relative below our own cgroup (v2: beside
// it, because a cgroup with processes cannot hand out controllers). Absent is /crun-lite/<id>.
// Throws Error(kConfig) for "." and ".." components and NUL bytes (a path must not leave cgroupfs, R15),
// Error(kUnsupported) when no cgroup file system is mounted, and when systemd is asked for and not there.
CgroupPlan plan_cgroup(const CgroupRequest& request, const Proc& proc);
// The plan of a container whose record is lost: every cgroup that carries the mark of (id, owner), which
// create() leaves as an extended attribute. Never matches by name alone.
CgroupPlan discover_cgroup(const std::string& id, const std::string& owner, const Proc& proc);

// What a container mounts below /sys/fs/cgroup. With a cgroup namespace it mounts `type` with `data`; without
// one it binds `host_path`.
struct ContainerCgroupMount {
  std::string
      directory;     // "memory", "cpu,cpuacct", "systemd"; "" when v2 is all there is, "unified" in hybrid
  std::string type;  // "cgroup" or "cgroup2"
  std::string data;  // "memory", "none,name=systemd"; "" for v2
  std::string host_path;  // "/sys/fs/cgroup/memory/crun-lite/web"
};
std::vector<ContainerCgroupMount> container_cgroup_mounts(const CgroupPlan& plan);
// For a container without a cgroup of its own: the one that it stays in, its caller's.
std::vector<ContainerCgroupMount> own_cgroup_mounts(const Proc& proc);

// Whether the container is paused, by whomever. Never throws: what cannot be read is not frozen.
bool is_frozen(const CgroupPlan& plan);

struct Controller;
class SettingWriter;
enum class InV2 { kNo, kYes };

struct UnitContents {
  const oci::Resources& resources;
  const std::map<std::string, std::string>& annotations;  // org.systemd.property.*
};

// `exec --cgroup`: a cgroup inside the container's own.
struct SubCgroup {
  std::vector<std::string> controllers;  // in the hierarchies of these; empty: in all
  std::string path;                      // below the container's; "/" is that itself
};
// "PATH" once, or "CONTROLLER,…:PATH" for several. Throws Error(kUsage) for anything else and for "..".
std::vector<SubCgroup> parse_sub_cgroups(const std::vector<std::string>& arguments);

class Cgroup {
 public:
  // Makes the directories, marks them, enables the v2 controllers and fills in v1's cpuset. Throws and
  // leaves nothing behind; Error(kExists) when there are processes in it already ("container's cgroup is not
  // empty").
  static Cgroup create(const CgroupPlan& plan);
  // Where it really is: without the places that were done without.
  CgroupPlan made() const;
  // Of a container that was made earlier (exec, kill, update, delete). Places that are gone are left out.
  static Cgroup open(const CgroupPlan& plan);

  Cgroup(Cgroup&&) noexcept;
  Cgroup& operator=(Cgroup&&) noexcept;
  ~Cgroup();  // create() without keep(): kills what is in it and removes it
  void keep() { armed_ = false; }

  // Every limit of the new container, and its device filter. Error(kUnsupported) names the controller that
  // is missing and where.
  void apply(const oci::Resources& resources);
  // Later (`update`): only what is given; the device filter stays when there are no device rules. When a
  // value is refused, those written before it are set back; the error says so.
  void update(const oci::Resources& resources);

  // Gives the cgroup to this user of the host (runtime/cgroup/delegate.h). Without effect where there is v1.
  void delegate(uid_t owner);

  // The directory for clone3's CLONE_INTO_CGROUP; -1 where there is no cgroup v2 at all, or no way in.
  int clone_fd() const;
  // That alone is enough: with a v1 hierarchy beside v2 the child has to be moved anyway.
  bool placed_by_clone() const;
  void join(pid_t pid, InV2 already);
  // With the systemd manager: the unit with `pid` in it, and all limits. Error(kExists) when there is such a
  // unit already.
  void start_unit(pid_t pid, const UnitContents& contents);

  // Cgroups below this one, for join(): they are there already, and nothing here removes them.
  // Error(kNotFound) for one that is not, Error(kUsage) for a controller that the container has not got.
  Cgroup inside(const std::vector<SubCgroup>& wanted) const;
  // Where a further process can live: here, or where `process` of the container does.
  Cgroup beside(pid_t process, const Proc& proc) const;

  // For a process that is to join: throws Error(kState) where it would be outside of a limit, because one of
  // the plan's places is gone or somebody else's, and, unless `may_wait`, where it would stand still at once.
  enum class MayWait { kNo, kYes };
  void require_joinable(MayWait may_wait) const;

  void freeze();
  void thaw();
  bool frozen() const;
  // Signals every process of it and of the cgroups inside; with SIGKILL it also thaws them, so that they can
  // die. On return all of them have been signalled; the pidfd or remove() waits for the end.
  void kill_all(int signal);
  std::vector<pid_t> processes() const;

  // Processes the kernel has killed for lack of memory; nothing when there is no memory controller.
  std::optional<uint64_t> oom_kills() const;

  OomWatch watch_oom() const;
  // What it uses (runtime/cgroup/stats.h).
  json::Object stats() const;

  // Waits until it is empty, removes it, the cgroups inside, and parents that crun-lite made and nobody uses.
  // Bounded by `timeout`, then throws Error(kSystem) naming what is still in it. What is gone is fine.
  void remove(std::chrono::milliseconds timeout = std::chrono::seconds(5));

 private:
  struct Place {
    CgroupHierarchy where;
    UniqueFd dir;
    bool ours = false;  // made by crun-lite: carries our mark
  };
  Cgroup() = default;
  const Place* place_of(std::string_view controller) const;
  const Place* place_of(const Controller& controller) const;
  const Place* v2_place() const;
  std::optional<std::string> read(const std::string& file) const;
  void enable(const Place& place, const std::vector<std::string>& controllers);
  void apply_limits(const oci::Resources& resources, SettingWriter& writer);
  void apply_unified(const oci::Resources& resources, SettingWriter& writer);
  void apply_devices(const std::vector<oci::DeviceRule>& rules);
  UniqueFd make_place(const CgroupHierarchy& where) const;
  void open_places_of_unit(const std::string& unit_cgroup);
  void enter_subgroup(pid_t pid);
  std::string path_in_unit(const Place& place) const;
  std::vector<UnitProperty> unit_limits(const oci::Resources& resources) const;
  void update_unit(const oci::Resources& resources) const;
  void stop_unit_if_ours();
  std::vector<pid_t> all_processes() const;
  void signal_all(int signal);
  void thaw_everything();

  CgroupPlan plan_;
  std::vector<Place> places_;
  bool armed_ = false;
  bool unit_started_ = false;
  bool foreign_ = false;            // somebody else's cgroup stands where ours was
  bool pids_zero_pending_ = false;  // pids.max = 0 would refuse the very clone that fills the cgroup
};

}  // namespace crunlite::runtime
