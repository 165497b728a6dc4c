// SPDX-License-Identifier: Apache-2.0
// The steps that `create` and `restore` have in common: what is worked out from the bundle and the command
// line, and what is done for a new container besides making its init. The order of the steps is their
// callers' business.
#pragma once

#include <optional>
#include <string>

#include "base/proc.h"
#include "net/moved_links.h"
#include "oci/spec.h"
#include "rootfs/mount_plan.h"
#include "runtime/bundle.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/record.h"
#include "runtime/runtime.h"
#include "runtime/state_dir.h"

namespace crunlite::runtime {

// Runs the poststop hooks when a container fails to come into being after its first hook has run: what a
// prestart hook set up (a network, say) is torn down by its poststop twin (runtime.md, Lifecycle). Declared
// first, so that it acts last.
class PoststopOnFailure {
 public:
  explicit PoststopOnFailure(const Record& record) : record_(record) {}
  PoststopOnFailure(const PoststopOnFailure&) = delete;
  PoststopOnFailure& operator=(const PoststopOnFailure&) = delete;
  ~PoststopOnFailure();
  void arm() { armed_ = true; }
  void disarm() { armed_ = false; }

 private:
  const Record& record_;
  bool armed_ = false;
};

// config.json of options.bundle, found valid. Throws Error(kConfig) with all that is wrong with it.
Bundle checked_bundle(const CreateOptions& options);

// Where the master of its terminal is to go; invalid when it has none. Throws Error(kUsage) when one of the
// two is there without the other.
UniqueFd console_socket(const CreateOptions& options, const oci::Spec& spec);

// Before anything exists: with the cgroups that are to be made.
Record first_record(const CreateOptions& options, const Bundle& bundle, const StateDir& dir,
                    const Proc& proc);

// RFC 3339, UTC, nanoseconds.
std::string rfc3339_now();

// Where the container's cgroups are, for mounts of type cgroup.
rootfs::CgroupView cgroup_view(const CgroupPlan& plan, const Proc& proc);

// Every limit, for a cgroup that we make; before there is a process in it.
void limit(Cgroup& cgroup, const oci::Spec& spec);

// Puts the process into the container's cgroup.
void place(Cgroup& cgroup, const Record& record, const oci::Spec& spec, pid_t pid);

// prestart, then createRuntime. From now on poststop hooks have to follow.
void run_runtime_hooks(const oci::Hooks& hooks, const Record& record, pid_t pid, PoststopOnFailure& poststop);

// linux.netDevices: moves them there; back again unless `lent` is kept.
using LentDevices = std::optional<net::MovedLinks>;
void lend_network_devices(const oci::Linux& linux, UniqueFd network_namespace, LentDevices& lent);

// To --pidfd-socket and run.oci.pidfd_receiver.
void announce_pidfd(const CreateOptions& options, const Record& record, int pidfd);

}  // namespace crunlite::runtime
