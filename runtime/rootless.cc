// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootless.h"

#include <unistd.h>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/user_namespace.h"

namespace crunlite::runtime {
namespace {

// Trusted directories of the host only: both programs run with privileges, and PATH is the caller's (R29).
constexpr std::string_view kDirectories[] = {"/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"};
constexpr size_t kMostComplaint = 64u << 10;

struct MapKind {
  const char* program;
  const char* file;    // of the host: who may map what
  const char* option;  // of usermod(8)
};
constexpr MapKind kUsers = {"newuidmap", "/etc/subuid", "--add-subuids"};
constexpr MapKind kGroups = {"newgidmap", "/etc/subgid", "--add-subgids"};

template <class Map>
bool is_only(const std::vector<Map>& map, uint32_t id) {
  return map.size() == 1 && map[0].host_id == id && map[0].size == 1;
}

std::string find_program(const MapKind& kind) {
  for (const std::string_view directory : kDirectories) {
    std::string path = cat(directory, "/", kind.program);
    const sys::Result<struct stat> st = sys::stat_at(AT_FDCWD, path.c_str(), 0);
    if (st.ok() && S_ISREG(st->st_mode)) return path;
  }
  throw Error(ErrorKind::kUnsupported, "these id mappings need the program ", kind.program,
              ", which is not on this machine")
      .with_remedy(cat("install it (Debian: package uidmap), or map one id only, your own"));
}

std::vector<IdRange> ranges(const std::vector<IdMap>& map) {
  std::vector<IdRange> out;
  for (const IdMap& m : map) out.push_back({m.container_id, m.host_id, m.size});
  return out;
}

void run_map_program(const MapKind& kind, pid_t pid, const std::vector<IdMap>& map) {
  std::vector<std::string> args{kind.program, cat(pid)};
  for (const IdMap& range : map)
    for (const uint32_t number : {range.container_id, range.host_id, range.size}) args.push_back(cat(number));
  sys::PipeEnds complaint = check(sys::pipe(), "pipe");
  Child program =
      spawn({.path = find_program(kind), .args = args, .env = {}, .stderr_fd = complaint.write.get()});
  complaint.write.reset();
  const std::string text = read_fd(complaint.read.get(), kind.program, kMostComplaint);
  if (program.wait().shell_code() == 0) return;
  const std::string_view why = trim(text);
  throw Error(ErrorKind::kSystem, "map ids with ", kind.program, ": ",
              why.empty() ? "it failed without a word" : printable(why))
      .with_remedy(cat("the ranges of the map must be yours in ", kind.file, ": `usermod ", kind.option,
                       " FIRST-LAST USER`"));
}

}  // namespace

bool is_unprivileged() {
  return ::geteuid() != 0;
}

bool must_deny_setgroups(const oci::Linux& linux) {
  return is_unprivileged() && is_only(linux.gid_mappings, ::getegid());
}

void write_id_maps_unprivileged(const Proc& proc, pid_t pid, const InitPlan& plan) {
  if (is_only(plan.gid_map, ::getegid())) {
    crunlite::write_id_maps(proc, pid, {}, ranges(plan.gid_map), plan.deny_setgroups);
  } else {
    run_map_program(kGroups, pid, plan.gid_map);
  }
  if (is_only(plan.uid_map, ::geteuid())) {
    crunlite::write_id_maps(proc, pid, ranges(plan.uid_map), {}, false);
  } else {
    run_map_program(kUsers, pid, plan.uid_map);
  }
}

}  // namespace crunlite::runtime
