// SPDX-License-Identifier: Apache-2.0
// linux.resources.unified: file names of cgroup v2 and what to write into them, passed on as they are.
#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {
namespace {

// The kernel's own files that are limits; the others (cgroup.procs, cgroup.kill, cgroup.type …) move
// processes or end them, and no document may do that under the name of a resource.
constexpr std::string_view kLimitsOfItsOwn[] = {"cgroup.max.depth", "cgroup.max.descendants",
                                                "cgroup.pressure"};

void check_name(const std::string& name) {
  const std::string where = cat("linux.resources.unified: ", quote(name));
  const size_t dot = name.find('.');
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos || dot == 0 ||
      dot == std::string::npos || dot + 1 == name.size())
    throw Error(ErrorKind::kConfig, where, " is not the name of a cgroup file");
  if (name.compare(0, dot, "cgroup") != 0) return;
  for (const std::string_view allowed : kLimitsOfItsOwn) {
    if (name == allowed) return;
  }
  throw Error(ErrorKind::kConfig, where, " is not a resource");
}

// Files with a line per device: what takes a line back.
struct Keyed {
  std::string_view file;
  std::string_view absent;
};
constexpr Keyed kKeyed[] = {
    {"io.max", "rbps=max wbps=max riops=max wiops=max"},
    {"io.weight", "default"},
    {"io.bfq.weight", "default"},
    {"io.latency", "target=0"},
    {"rdma.max", "hca_handle=max hca_object=max"},
    {"misc.max", "max"},
    {"dmem.max", "max"},
};

std::string absent_line(std::string_view file) {
  for (const Keyed& known : kKeyed) {
    if (known.file == file) return std::string(known.absent);
  }
  return "";
}

}  // namespace

Settings unified(const oci::Resources& resources) {
  Settings out;
  for (const auto& [name, value] : resources.unified) {
    check_name(name);
    for (const std::string_view line : split(value, '\n')) {
      if (!trim(line).empty())
        out.push_back({.file = name, .value = std::string(line), .absent = absent_line(name)});
    }
  }
  return out;
}

}  // namespace crunlite::runtime
