// SPDX-License-Identifier: Apache-2.0
#include "runtime/joining.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace crunlite::runtime {
namespace {

// namespaces(7): what they are called below /proc/PID/ns.
struct NamespaceFile {
  int type;
  std::string_view name;
};
constexpr NamespaceFile kFiles[] = {
    {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"},   {CLONE_NEWNS, "mnt"},    {CLONE_NEWIPC, "ipc"},
    {CLONE_NEWUTS, "uts"}, {CLONE_NEWUSER, "user"}, {CLONE_NEWTIME, "time"}, {CLONE_NEWCGROUP, "cgroup"},
};

std::string_view file_name(int type) {
  for (const NamespaceFile& file : kFiles)
    if (file.type == type) return file.name;
  throw Error(ErrorKind::kConfig, "unknown namespace type ", type);
}

// `process`: a number or "self".
template <class Process>
UniqueFd open_of(const Proc& proc, const Process& process, int type) {
  const std::string path = cat(process, "/ns/", file_name(type));
  return check(sys::open_at(proc.fd(), path.c_str(), O_RDONLY), "open ", path);
}

UniqueFd open_own(const Proc& proc, int type) {
  return open_of(proc, std::string_view("self"), type);
}

bool same_object(int a, int b) {
  const struct stat first = check(sys::fstat(a), "stat of a namespace");
  const struct stat second = check(sys::fstat(b), "stat of a namespace");
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Gives false for the namespace that we are in: joining it would change nothing (and is refused for user).
bool open_one(const Proc& proc, NamespaceJoin& ns) {
  if (!ns.fd.valid())
    ns.fd = check(sys::open_at(AT_FDCWD, ns.path.c_str(), O_RDONLY), "open namespace ", ns.path);
  const int type = ::ioctl(ns.fd.get(), NS_GET_NSTYPE);
  if (type == -1) throw Error(ErrorKind::kConfig, "namespace path ", ns.path, " is not a namespace");
  if (type != ns.type) throw Error(ErrorKind::kConfig, "namespace path ", ns.path, " is of another type");
  return !same_object(open_own(proc, ns.type).get(), ns.fd.get());
}

void open_list(const Proc& proc, std::vector<NamespaceJoin>& list) {
  std::vector<NamespaceJoin> foreign;
  for (NamespaceJoin& ns : list)
    if (open_one(proc, ns)) foreign.push_back(std::move(ns));
  list = std::move(foreign);
}

}  // namespace

std::vector<NamespaceJoin> namespaces_of(const Proc& proc, pid_t pid, const std::vector<int>& types) {
  std::vector<NamespaceJoin> out;
  for (const int type : types)
    out.push_back({open_of(proc, pid, type), type, cat("of process ", pid, " (", file_name(type), ")")});
  return out;
}

void open_namespaces(NamespacePlan& plan) {
  if (plan.join.empty() && plan.join_by_parent.empty()) return;
  const Proc proc = check(Proc::open(), "open a private procfs");
  open_list(proc, plan.join);
  open_list(proc, plan.join_by_parent);
  plan.pid_by_successor = std::ranges::find(plan.join, CLONE_NEWPID, &NamespaceJoin::type) != plan.join.end();
}

JoinedForClone::JoinedForClone(const std::vector<NamespaceJoin>& namespaces) {
  if (namespaces.empty()) return;
  active_ = true;
  const Proc proc = check(Proc::open(), "open a private procfs");
  // The child is visible in the joined pid namespace before its first instruction: nobody there may trace it
  // (CVE-2016-9962). It inherits this.
  check(sys::set_dumpable(false), "hide from the container's processes");
  try {
    for (const NamespaceJoin& ns : namespaces) {
      Origin origin{open_own(proc, ns.type), ns.type};
      check(sys::setns(ns.fd.get(), ns.type), "join namespace ", ns.path);
      origins_.push_back(std::move(origin));
    }
  } catch (...) {
    go_back();
    throw;
  }
}

JoinedForClone::~JoinedForClone() {
  go_back();
}

void JoinedForClone::go_back() noexcept {
  if (!active_) return;
  (void)sys::set_dumpable(true);
  while (!origins_.empty()) {
    const Origin& origin = origins_.back();
    const sys::Status status = sys::setns(origin.fd.get(), origin.type);
    if (!status.ok()) log::warning(cat("cannot return to our own namespace: ", error_text(status.error())));
    origins_.pop_back();
  }
}

pid_t pid_of(const Proc& proc, int pidfd) {
  const std::string path = cat("self/fdinfo/", pidfd);
  const UniqueFd file = check(proc.open_file(path.c_str(), O_RDONLY), "open ", path);
  const std::string info = read_fd(file.get(), path, 4096);
  for (const std::string_view line : split(info, '\n')) {
    if (!line.starts_with("Pid:")) continue;
    if (const auto pid = parse_number<pid_t>(trim(line.substr(4))); pid && *pid > 0) return *pid;
  }
  throw Error(ErrorKind::kSystem, "the container's init ended before it was there");
}

}  // namespace crunlite::runtime
