// SPDX-License-Identifier: Apache-2.0
#include "rootfs/id_map_text.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace crunlite::rootfs {
namespace {

using Mappings = std::vector<oci::IdMapping>;

std::vector<IdRange> ranges(const Mappings& mappings) {
  std::vector<IdRange> out;
  for (const oci::IdMapping& m : mappings) out.push_back({m.container_id, m.host_id, m.size});
  return out;
}

std::optional<IdRange> parse_range(std::string_view text) {
  const std::vector<std::string_view> numbers = split(text, '-');
  if (numbers.size() != 3) return std::nullopt;
  const auto from = parse_number<uint32_t>(numbers[0]);
  const auto to = parse_number<uint32_t>(numbers[1]);
  const auto size = parse_number<uint32_t>(numbers[2]);
  if (!from || !to || !size || *size == 0) return std::nullopt;
  return IdRange{*from, *to, *size};
}

// The host's number for an id of the container.
std::optional<uint32_t> outside(const Mappings& container, uint32_t id) {
  const auto found = std::ranges::find_if(container, [&](const oci::IdMapping& m) {
    return id >= m.container_id && id - m.container_id < m.size;
  });
  if (found == container.end()) return std::nullopt;
  return found->host_id + (id - found->container_id);
}

std::vector<IdRange> parse_list(std::string_view text, const Mappings& container, std::string& problem) {
  const bool relative = text.starts_with('@');
  std::vector<IdRange> out;
  for (const std::string_view part : split(text.substr(relative ? 1 : 0), '#')) {
    std::optional<IdRange> range = parse_range(part);
    if (!range) {
      problem = cat(quote(part), " is not FROM-TO-SIZE");
      return {};
    }
    const std::optional<uint32_t> to = relative ? outside(container, range->outside) : range->outside;
    if (!to) {
      problem = cat("@: the container maps no id ", range->outside);
      return {};
    }
    range->outside = *to;
    out.push_back(*range);
  }
  return out;
}

}  // namespace

MountIdMaps mount_id_maps(const oci::Mount& mount, std::string_view option, const oci::Linux& linux,
                          std::string& problem) {
  if (option.empty()) return {ranges(mount.uid_mappings), ranges(mount.gid_mappings)};
  MountIdMaps maps;
  for (const std::string_view list : split(option.substr(option.find('=') + 1), ';')) {
    const size_t equals = list.find('=');
    const std::string_view name = list.substr(0, equals);
    const std::string_view text = equals == std::string_view::npos ? "" : list.substr(equals + 1);
    if (name == "uids") {
      maps.uids = parse_list(text, linux.uid_mappings, problem);
    } else if (name == "gids") {
      maps.gids = parse_list(text, linux.gid_mappings, problem);
    } else {
      problem = cat(quote(name), " is neither uids nor gids");
    }
    if (!problem.empty()) return {};
  }
  if (maps.uids.empty() || maps.gids.empty()) problem = "needs uids and gids";
  return problem.empty() ? maps : MountIdMaps{};
}

}  // namespace crunlite::rootfs
