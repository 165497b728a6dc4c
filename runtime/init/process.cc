// SPDX-License-Identifier: Apache-2.0
// Properties of the container's process other than its credentials.
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

using sys::Result;

// Callers look for the path of the attribute in backquotes (podman takes it for "set security attribute").
Status write_attribute(Init& init, const char* path, const std::string& value) {
  if (Status st = open_proc(init); !st.ok()) return st;
  init.note.set("`", value, "`: write `/proc/", path, "`");
  return init.proc.write_file(path, value);
}

// A directory descriptor: no link of a procfs is followed, so /proc/self/fd/N leads nowhere (CVE-2024-21626).
Status change_directory(Init& init) {
  const char* cwd = init.plan.cwd.c_str();
  init.note.set(init.plan.cwd);
  Result<UniqueFd> dir = init.root.open(cwd, O_PATH | O_DIRECTORY);
  if (dir.error() == ENOENT) dir = init.root.make_dirs(cwd, 0755);
  if (!dir.ok()) return dir.status();
  return sys::fchdir(dir->get());
}

// Raising a hard limit takes a privilege that is about to go; lowering may hinder what is still to be done
// here, so that comes last.
bool raises_limit(const RlimitPlan& wanted) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(wanted.resource), &now) == -1) return true;
  return wanted.limit.rlim_max > now.rlim_max;
}

Status set_rlimit(Init& init, const RlimitPlan& wanted) {
  init.note.set(wanted.name);
  const int done = ::setrlimit(static_cast<__rlimit_resource_t>(wanted.resource), &wanted.limit);
  return done == -1 ? sys::fail() : sys::kOk;
}

}  // namespace

Status apply_apparmor(Init& init) {
  const std::string& value = init.plan.apparmor_exec;
  if (value.empty()) return sys::kOk;
  Status st = write_attribute(init, "self/attr/apparmor/exec", value);
  if (st.error() == ENOENT) st = write_attribute(init, "self/attr/exec", value);
  if (st.error() != ENOENT) return st;
  // The kernel's own words would send callers to look for a missing program.
  init.failure = FailureKind::kExplained;
  init.note.add(": the profile is not loaded");
  return st;
}

Status apply_selinux(Init& init) {
  const std::string& value = init.plan.selinux_exec;
  return value.empty() ? sys::kOk : write_attribute(init, "self/attr/exec", value);
}

Status enter_working_directory(Init& init) {
  Status st = change_directory(init);
  // A directory that only the container's user may enter (NFS): tried again as that user.
  return st.error() == EACCES ? sys::kOk : st;
}

Status verify_working_directory(Init& init) {
  init.note.set(init.plan.cwd);
  char path[4096];
  // Not glibc's getcwd, which hides what the kernel says about directories outside the root.
  long size = ::syscall(SYS_getcwd, path, sizeof path);
  if (size == -1) return sys::fail();
  if (path[0] == '/' && path[1] == 0 && init.plan.cwd != "/") {
    // Still where the root was entered: the first attempt was denied.
    if (Status st = change_directory(init); !st.ok()) return st;
    size = ::syscall(SYS_getcwd, path, sizeof path);
    if (size == -1) return sys::fail();
  }
  if (path[0] == '/') return sys::kOk;
  init.note.add(" (it is outside of the container's root)");
  return Status(EPERM);
}

Status raise_rlimits(Init& init) {
  for (const RlimitPlan& wanted : init.plan.rlimits)
    if (raises_limit(wanted))
      if (Status st = set_rlimit(init, wanted); !st.ok()) return st;
  return sys::kOk;
}

Status lower_rlimits(Init& init) {
  for (const RlimitPlan& wanted : init.plan.rlimits)
    if (Status st = set_rlimit(init, wanted); !st.ok()) return st;
  return sys::kOk;
}

Status set_personality(Init& init) {
  if (!init.plan.personality) return sys::kOk;
  return ::personality(*init.plan.personality) == -1 ? sys::fail() : sys::kOk;
}

Status set_umask(Init& init) {
  ::umask(init.plan.umask);
  return sys::kOk;
}

}  // namespace crunlite::runtime::steps
