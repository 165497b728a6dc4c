// SPDX-License-Identifier: Apache-2.0
// Directories and files of a cgroup file system, by descriptor. A mount's root is checked to be cgroupfs
// once; everything below is reached from it one plain name at a time, never through a link, so that no write
// can land elsewhere (R15). The functions work on any directory tree, which is how the tests show them cgroup
// v2 on a machine that has none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace crunlite::runtime {

enum class CgroupVersion { kV1, kV2 };

// Throws Error(kUnsupported) when `mount_point` is not a cgroup file system of this version.
UniqueFd open_cgroup_root(const std::string& mount_point, CgroupVersion version);

// "/a//b/" is {"a", "b"}. Throws Error(kConfig) for "." and ".." and for NUL bytes.
std::vector<std::string> cgroup_components(std::string_view path);

// ENOENT when it is not there.
sys::Result<UniqueFd> open_cgroup(int root, const std::string& path);

struct MadeCgroup {
  UniqueFd dir;
  bool made = false;  // it was not there before
};
// mkdir -p; parents that had to be made are marked as crun-lite's, so that the last container can remove
// them. `each(dir, parent)` is called on every level below the root, top down (v1's cpuset needs it).
MadeCgroup make_cgroup(int root, const std::string& path,
                       const std::function<void(int dir, int parent)>& each);
// rmdir of an empty cgroup and of the empty cgroups inside; 0, ENOENT, EBUSY …
sys::Status remove_cgroup(int root, const std::string& path);
// Removes the parents of `path`, innermost first, as long as they are empty and carry the parents' mark.
void remove_made_parents(int root, const std::string& path);

sys::Status write_cgroup_file(int dir, const std::string& file, std::string_view value);
// Nothing when the file is missing; throws SysError for other failures.
std::optional<std::string> read_cgroup_file(int dir, const std::string& file);
std::vector<std::string> child_cgroups(int dir);
// Calls visit(dir) for the cgroup and every cgroup inside. Those that vanish meanwhile are left out.
void walk_cgroups(int dir, const std::function<void(int dir)>& visit);

// The pids in it and in the cgroups inside, sorted, without 0 (a process outside of our pid namespace).
std::vector<pid_t> cgroup_processes(int dir);
// The contents of cgroup.controllers.
std::vector<std::string> available_controllers(int dir);
// Makes `wanted` (those that exist) available in the cgroups below `dir`. What the kernel refuses shows later
// as a missing file, and is reported then by who needs it.
void enable_controllers(int dir, const std::vector<std::string>& wanted);

// The mark that tells our cgroups from everybody else's: an extended attribute. Best effort when writing.
enum class CgroupMark {
  kMade,     // the container's own, made by us
  kAdopted,  // the container's own, was there before: used, never removed
};
void mark_cgroup(int dir, CgroupMark mark, std::string_view value);
void unmark_cgroup(int dir, CgroupMark mark);
std::string cgroup_mark(int dir, CgroupMark mark);  // "" when there is none
// What stands in the mark of a container's cgroup.
std::string cgroup_owner_mark(const std::string& owner, const std::string& id);
// The paths below `root` whose mark, of either kind, is `value`.
std::vector<std::string> find_marked_cgroups(int root, const std::string& value);

}  // namespace crunlite::runtime
