// SPDX-License-Identifier: Apache-2.0
#include "runtime/joining.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace crunlite::runtime {
namespace {

struct OwnNamespace {
  int type;
  const char* path;
};
constexpr OwnNamespace kOwn[] = {
    {CLONE_NEWPID, "self/ns/pid"},   {CLONE_NEWNET, "self/ns/net"},       {CLONE_NEWNS, "self/ns/mnt"},
    {CLONE_NEWIPC, "self/ns/ipc"},   {CLONE_NEWUTS, "self/ns/uts"},       {CLONE_NEWUSER, "self/ns/user"},
    {CLONE_NEWTIME, "self/ns/time"}, {CLONE_NEWCGROUP, "self/ns/cgroup"},
};

const char* own_path(int type) {
  for (const OwnNamespace& own : kOwn)
    if (own.type == type) return own.path;
  throw Error(ErrorKind::kConfig, "unknown namespace type ", type);
}

UniqueFd open_own(const Proc& proc, int type) {
  const char* path = own_path(type);
  return check(sys::open_at(proc.fd(), path, O_RDONLY), "open ", path);
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

void open_namespaces(NamespacePlan& plan) {
  if (plan.join.empty() && plan.join_by_parent.empty()) return;
  const Proc proc = check(Proc::open(), "open a private procfs");
  open_list(proc, plan.join);
  open_list(proc, plan.join_by_parent);
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
