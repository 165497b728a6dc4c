// SPDX-License-Identifier: Apache-2.0
// Cgroups inside the container's own, which something in the container has made: where a process of `exec`
// may have to go.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

Error missing(const CgroupHierarchy& where, const std::string& path) {
  return Error(ErrorKind::kNotFound, "--cgroup: adding pid to cgroup ", where.full_path(), "/", path,
               ": no such file or directory")
      .with_remedy("the cgroup must be there already, inside the container's own");
}

bool is_empty_path(const std::string& path) {
  return cgroup_components(path).empty();
}

// The path of `pid` below the container's cgroup; "/" when it is not inside.
std::string v2_path_inside(const Proc& proc, pid_t pid, const std::string& container) {
  const sys::Result<UniqueFd> file = proc.open_file(cat(pid, "/cgroup").c_str(), O_RDONLY);
  char text[8192];
  const sys::Result<size_t> size = file.ok() ? sys::read(file->get(), text, sizeof text) : file.status();
  if (!size.ok()) return "/";
  for (const std::string_view line : split(std::string_view(text, *size), '\n')) {
    const std::string prefix = cat("0::", container, "/");
    if (line.starts_with(prefix)) return std::string(line.substr(prefix.size()));
  }
  return "/";
}

}  // namespace

std::vector<SubCgroup> parse_sub_cgroups(const std::vector<std::string>& arguments) {
  std::vector<SubCgroup> out;
  for (const std::string& argument : arguments) {
    const std::vector<std::string_view> parts = split(argument, ':');
    if (parts.size() > 2 || (parts.size() == 1 && arguments.size() > 1))
      throw Error(ErrorKind::kUsage, "invalid --cgroup argument: ", quote(argument))
          .with_remedy("PATH once, or CONTROLLER[,CONTROLLER...]:PATH any number of times");
    SubCgroup sub{.controllers = {}, .path = std::string(parts.back())};
    if (sub.path == ".." || sub.path.starts_with("../") || sub.path.find("/..") != std::string::npos)
      throw Error(ErrorKind::kUsage, "--cgroup: bad sub cgroup path ", quote(sub.path))
          .with_remedy("it is below the container's own cgroup, which cannot be left");
    (void)cgroup_components(sub.path);
    if (parts.size() == 2)
      for (const std::string_view name : split(parts.front(), ',')) sub.controllers.emplace_back(name);
    for (const SubCgroup& other : out)
      for (const std::string& name : sub.controllers)
        if (std::find(other.controllers.begin(), other.controllers.end(), name) != other.controllers.end())
          throw Error(ErrorKind::kUsage, "--cgroup: duplicate controller ", quote(name));
    out.push_back(std::move(sub));
  }
  return out;
}

Cgroup Cgroup::inside(const std::vector<SubCgroup>& wanted) const {
  for (const SubCgroup& sub : wanted)
    for (const std::string& name : sub.controllers)
      if (!place_of(name)) throw Error(ErrorKind::kUsage, "--cgroup: unknown controller ", quote(name));
  const auto path_for = [&](const Place& place) {
    for (const SubCgroup& sub : wanted) {
      if (sub.controllers.empty()) return sub.path;
      for (const std::string& name : sub.controllers)
        if (place_of(name) == &place) return sub.path;
    }
    return std::string("/");
  };
  Cgroup out;
  out.plan_ = plan_;
  for (const Place& place : places_) {
    std::string path = path_for(place);
    sys::Result<UniqueFd> dir = open_cgroup(place.dir.get(), path);
    // Beside v1 hardly anybody knows the unified hierarchy, which has no controllers there.
    const bool beside_v1 = place.where.v2 && places_.size() > 1;
    if (dir.error() == ENOENT && beside_v1) {
      path = "/";
      dir = open_cgroup(place.dir.get(), path);
    }
    if (dir.error() == ENOENT && !is_empty_path(path)) throw missing(place.where, path);
    out.places_.push_back({.where = place.where, .dir = check(std::move(dir), "open cgroup ", path)});
    if (!is_empty_path(path))
      out.places_.back().where.path += cat("/", crunlite::join(cgroup_components(path), "/"));
  }
  return out;
}

Cgroup Cgroup::beside(pid_t process, const Proc& proc) const {
  const Place* v2 = v2_place();
  if (!v2 || places_.size() > 1) return inside({});
  // Whoever manages cgroups in there has moved the processes down, and the kernel lets none in above them
  // ("no internal processes", cgroups(7)).
  const std::string handed_down = read_cgroup_file(v2->dir.get(), "cgroup.subtree_control").value_or("");
  if (trim(handed_down).empty()) return inside({});
  return inside({{.controllers = {}, .path = v2_path_inside(proc, process, v2->where.path)}});
}

}  // namespace crunlite::runtime
