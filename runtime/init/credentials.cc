// SPDX-License-Identifier: Apache-2.0
// Who the container's process is and what it may do. Raw system calls: glibc would change the ids of threads
// that exist only in the parent.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "runtime/init/steps.h"

namespace crunlite::runtime::steps {
namespace {

constexpr unsigned kMostCapabilities = 64;

struct CapabilitySets {
  uint64_t effective = 0;
  uint64_t permitted = 0;
  uint64_t inheritable = 0;
};

constexpr uint64_t bit(unsigned capability) {
  return uint64_t{1} << capability;
}

// The kernel keeps 64 bits as two words of each set (capset(2), version 3).
struct KernelSets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[2]{};
};

uint64_t joined(uint32_t low, uint32_t high) {
  return low | uint64_t{high} << 32;
}

sys::Result<CapabilitySets> get_sets() {
  KernelSets k;
  if (::syscall(SYS_capget, &k.header, k.words) == -1) return sys::fail();
  return CapabilitySets{joined(k.words[0].effective, k.words[1].effective),
                        joined(k.words[0].permitted, k.words[1].permitted),
                        joined(k.words[0].inheritable, k.words[1].inheritable)};
}

Status set_sets(const CapabilitySets& sets) {
  KernelSets k;
  for (unsigned word = 0; word < 2; ++word) {
    k.words[word].effective = static_cast<uint32_t>(sets.effective >> (32 * word));
    k.words[word].permitted = static_cast<uint32_t>(sets.permitted >> (32 * word));
    k.words[word].inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * word));
  }
  return ::syscall(SYS_capset, &k.header, k.words) == -1 ? sys::fail() : sys::kOk;
}

// A filter without no_new_privs needs CAP_SYS_ADMIN until it is loaded, just before execve: which computes
// the program's sets from the bounding, inheritable and ambient ones, so that nothing of it is left over.
bool filter_needs_privilege(const Init& init) {
  const SeccompProgram& seccomp = init.plan.seccomp;
  const bool any = !(seccomp.instructions.empty() && seccomp.notifying.empty());
  return any && !init.plan.no_new_privileges && !init.filter_loaded;
}

// The kernel drops the ambient set and refuses it where it is older than Linux 4.3.
Status raise_ambient(uint64_t ambient) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL) return sys::fail();
  for (unsigned capability = 0; capability < kMostCapabilities; ++capability) {
    if (!(ambient & bit(capability))) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == -1) return sys::fail();
  }
  return sys::kOk;
}

}  // namespace

Status drop_bounding(Init& init) {
  if (!init.plan.capabilities) return sys::kOk;
  for (unsigned capability = 0; capability < kMostCapabilities; ++capability) {
    if (init.plan.capabilities->bounding & bit(capability)) continue;
    init.note.set("capability ", static_cast<unsigned long>(capability));
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != -1) continue;
    const int error = errno;
    if (error == EINVAL) break;  // beyond the last one of this kernel
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) return Status(error);
  }
  return sys::kOk;
}

Status set_groups(Init& init) {
  // Also an empty list: the caller's groups must not leak in (CVE-2022-36109's class).
  if (!init.plan.set_groups) return sys::kOk;
  const std::vector<gid_t>& groups = init.plan.groups;
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != -1) return sys::kOk;
  return errno == EPERM && groups.empty() && init.plan.groups_may_stay ? sys::kOk : sys::fail();
}

Status set_user(Init& init) {
  if (init.plan.capabilities && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1) return sys::fail();
  const uid_t uid = init.plan.uid;
  const gid_t gid = init.plan.gid;
  init.note.set(static_cast<unsigned long>(uid), ":", static_cast<unsigned long>(gid));
  if (::syscall(SYS_setresgid, gid, gid, gid) == -1 || ::syscall(SYS_setresuid, uid, uid, uid) == -1)
    return sys::fail();
  return sys::set_parent_death_signal(SIGKILL);  // cleared by changing ids
}

Status set_capabilities(Init& init) {
  if (!init.plan.capabilities) return sys::kOk;
  sys::Result<CapabilitySets> own = get_sets();
  if (!own.ok()) return own.status();
  // What we have not got cannot be given; the container starts without (config.md, Linux Process).
  const uint64_t has = own->permitted;
  const CapabilityMasks& wanted = *init.plan.capabilities;
  CapabilitySets sets{.effective = wanted.effective & wanted.permitted & has,
                      .permitted = wanted.permitted & has,
                      .inheritable = wanted.inheritable & has};
  const uint64_t ambient = wanted.ambient & sets.permitted & sets.inheritable;
  if (filter_needs_privilege(init)) {
    sets.permitted |= bit(CAP_SYS_ADMIN) & has;
    sets.effective |= bit(CAP_SYS_ADMIN) & has;
  }
  if (Status st = set_sets(sets); !st.ok()) return st;
  return raise_ambient(ambient);
}

Status set_no_new_privileges(Init& init) {
  if (!init.plan.no_new_privileges) return sys::kOk;
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? sys::fail() : sys::kOk;
}

}  // namespace crunlite::runtime::steps
