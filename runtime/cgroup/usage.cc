// SPDX-License-Identifier: Apache-2.0
// What a container's cgroups say about it: use, and lack of memory.
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/members.h"
#include "runtime/cgroup/stats.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

std::vector<std::string> page_sizes() {
  std::vector<std::string> sizes;
  try {
    for (const std::string& name : list_dir(AT_FDCWD, "/sys/kernel/mm/hugepages")) {
      if (std::string size = page_size_name(name); !size.empty()) sizes.push_back(std::move(size));
    }
  } catch (const SysError&) {
    // A kernel without huge pages.
  }
  return sizes;
}

}  // namespace

// "memory.stat" is in the hierarchy that has the controller "memory", otherwise in v2's, where some files
// exist without their controller (cpu.stat, the pressure files).
std::optional<std::string> Cgroup::read(const std::string& file) const {
  const Place* place = place_of(file.substr(0, file.find('.')));
  if (!place) place = v2_place();
  if (!place) return std::nullopt;
  try {
    return read_cgroup_file(place->dir.get(), file);
  } catch (const SysError&) {
    return std::nullopt;  // EOPNOTSUPP: pressure that is not counted; ENODEV: the cgroup has just gone
  }
}

json::Object Cgroup::stats() const {
  return cgroup_stats([this](const std::string& file) { return read(file); }, page_sizes());
}

OomWatch Cgroup::watch_oom() const {
  const Place* place = place_of("memory");
  if (!place) return {};
  return place->where.v2 ? OomWatch::on_v2(place->dir.get()) : OomWatch::on_v1(place->dir.get());
}

std::optional<uint64_t> Cgroup::oom_kills() const {
  const Place* place = place_of("memory");
  if (!place) return std::nullopt;
  const auto count = [](int dir, const char* file) {
    const std::string text = read_cgroup_file(dir, file).value_or("");
    return parse_number<uint64_t>(flat_value(text, "oom_kill")).value_or(0);
  };
  // v2 counts the cgroups inside, v1 does not.
  if (place->where.v2) return count(place->dir.get(), "memory.events");
  uint64_t sum = 0;
  walk_cgroups(place->dir.get(), [&](int dir) { sum += count(dir, "memory.oom_control"); });
  return sum;
}

}  // namespace crunlite::runtime
