// SPDX-License-Identifier: Apache-2.0
// The processes of a container: those of its cgroup, or of its pid namespace when it has no cgroup.
#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

std::optional<ino_t> pid_namespace_of(const Proc& proc, const std::string& process) {
  const sys::Result<struct stat> ns = sys::stat_at(proc.fd(), (process + "/ns/pid").c_str(), 0);
  return ns.ok() ? std::optional(ns->st_ino) : std::nullopt;
}

// In our own pid namespace that is everybody: then only the init counts.
std::vector<pid_t> of_the_same_namespace(const Proc& proc, pid_t init) {
  const std::optional<ino_t> wanted = pid_namespace_of(proc, cat(init));
  if (!wanted || wanted == pid_namespace_of(proc, "self")) return {init};
  std::vector<pid_t> out;
  for (const std::string& name : list_dir(proc.fd(), ".")) {
    const std::optional<pid_t> pid = parse_number<pid_t>(name);
    if (pid && pid_namespace_of(proc, name) == wanted) out.push_back(*pid);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::vector<pid_t> processes(const Ref& container) {
  const StateDir dir = StateDir::open(container);
  const Record record = dir.read();
  if (!record.cgroup.hierarchies.empty()) return Cgroup::open(record.cgroup).processes();
  const Proc& proc = open_proc();
  const Situation now = situation_of(dir, record, proc);
  return now.init ? of_the_same_namespace(proc, record.init.pid) : std::vector<pid_t>();
}

}  // namespace crunlite::runtime
