// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/delegate.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup/cgroup.h"

namespace crunlite::runtime {
namespace {

bool has_namespace(const oci::Linux& linux, oci::NamespaceType type) {
  return std::ranges::any_of(linux.namespaces,
                             [&](const oci::Namespace& ns) { return ns.type == type && ns.path.empty(); });
}

bool writable_cgroup_mount(const oci::Spec& spec) {
  const auto writable = [](const oci::Mount& mount) {
    const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
    const bool read_only = std::ranges::any_of(
        mount.options, [](const std::string& option) { return option == "ro" || option == "rro"; });
    return cgroup && mount.destination == "/sys/fs/cgroup" && !read_only;
  };
  return std::ranges::any_of(spec.mounts, writable);
}

}  // namespace

std::optional<uid_t> cgroup_owner(const oci::Spec& spec) {
  if (!spec.process || !has_namespace(spec.linux, oci::NamespaceType::kUser) ||
      !has_namespace(spec.linux, oci::NamespaceType::kCgroup) || !writable_cgroup_mount(spec))
    return std::nullopt;
  const uint32_t uid = spec.process->user.uid;
  for (const oci::IdMapping& map : spec.linux.uid_mappings) {
    if (uid >= map.container_id && uid - map.container_id < map.size)
      return map.host_id + (uid - map.container_id);
  }
  return std::nullopt;
}

std::vector<std::string> delegated_files(std::string_view content) {
  std::vector<std::string> names;
  for (const std::string_view line : split(content, '\n')) {
    const std::string_view name = trim(line);
    if (!name.empty() && name.find('/') == std::string_view::npos) names.emplace_back(name);
  }
  if (names.empty()) return {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
  return names;
}

void Cgroup::delegate(uid_t owner) {
  constexpr size_t kListLimit = 64u << 10;
  const Place* place = v2_place();
  // A user's cgroup is his own already, and he may give nothing away.
  if (!place || plan_.hierarchies.size() != 1 || plan_.rootless) return;
  std::string list;
  try {
    list = read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", kListLimit);
  } catch (const Error&) {
    // Linux before 4.15 has no such list.
  }
  constexpr gid_t kUnchanged = static_cast<gid_t>(-1);
  const std::string path = place->where.full_path();
  check(sys::fchown(place->dir.get(), owner, kUnchanged), "give ", path, " to user ", owner);
  for (const std::string& file : delegated_files(list)) {
    const sys::Status given = sys::chown_at(place->dir.get(), file.c_str(), owner, kUnchanged);
    if (given.error() != ENOENT) check(given, "give ", path, "/", file, " to user ", owner);
  }
}

}  // namespace crunlite::runtime
