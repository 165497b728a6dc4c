// SPDX-License-Identifier: Apache-2.0
// `restore`: create() with criu in the place of the init. Record, cgroups and limits come from the bundle
// first, criu is put into them, and makes the processes there; they are our children, as the init of create()
// is.
#include <sys/prctl.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rollback.h"
#include "rootfs/restore_root.h"
#include "runtime/checkpoint.h"
#include "runtime/console_socket.h"
#include "runtime/create_steps.h"
#include "runtime/criu_container.h"
#include "runtime/criu_image.h"
#include "runtime/pid_file.h"
#include "runtime/status.h"
#include "runtime/unix_socket.h"

namespace crunlite::runtime {
namespace {

// Below the state directory; criu wants a root that is a mount, under which nothing else is mounted.
constexpr const char* kRootName = "criu-root";
constexpr size_t kMostCgroupText = 64u << 10;

CriuOptions restore_options(const RestoreOptions& options, const Record& record, const CriuImage& image) {
  CriuOptions out = criu_options(options.criu, record, image);
  out.evasive_devices = true;
  out.rst_sibling = true;
  out.tcp_close = options.tcp_close;
  out.lsm_profile = options.lsm_profile;
  out.lsm_mount_context = options.lsm_mount_context;
  return out;
}

std::string cgroup_text(const Proc& proc, pid_t pid) {
  const std::string path = cat(pid, "/cgroup");
  const UniqueFd file = check(proc.open_file(path.c_str(), O_RDONLY), "open ", path);
  return read_fd(file.get(), path, kMostCgroupText);
}

// A directory that is in the way of nothing: the mount on it is seen by criu alone.
std::string make_root_directory(const StateDir& dir) {
  check(sys::mkdir_at(dir.fd(), kRootName, 0755), "create directory ", kRootName);
  return cat(absolute_directory(dir.path()), "/", kRootName);
}

// Everything that has come into being for the container until criu has answered.
class Restoration {
 public:
  Restoration(const RestoreOptions& options, const CriuVersion& version, const Bundle& bundle, StateDir& dir)
      : options_(options),
        version_(version),
        spec_(bundle.spec),
        dir_(dir),
        proc_(open_proc()),
        image_(open_image(options.criu)),
        console_(console_socket(options.create, bundle.spec)),
        record_(first_record(options.create, bundle, dir, proc_)),
        poststop_(record_) {}

  Child run() {
    // Journal first: from here on `delete --force` finds everything that comes into being.
    dir_.write(record_);
    request_.options = restore_options(options_, record_, image_);
    request_.options->inherited = read_descriptors(image_);
    JoinedAtRestore joined = joined_at_restore(spec_.linux, Criu::kFirstFd);
    std::ranges::copy(joined.inherited, std::back_inserter(request_.options->inherited));
    request_.options->joined = std::move(joined.joined);

    Cgroup cgroup = Cgroup::create(record_.cgroup);
    if (!record_.cgroup.systemd) limit(cgroup, spec_);
    record_.cgroup = cgroup.made();
    Rdt rdt = Rdt::create(record_.rdt, spec_.linux.intel_rdt.value_or(oci::IntelRdt{}));

    Criu criu = start_criu(joined.fds);
    rdt.join(criu.pid());
    place(cgroup, record_, spec_, criu.pid());
    record_.cgroup = cgroup.made();
    request_.options->cgroup_roots = cgroup_roots(cgroup_text(proc_, criu.pid()));
    Child init = restore_with(criu);
    publish(init);
    cgroup.keep();
    rdt.keep();
    return init;
  }

 private:
  // Before 3.19 criu forgets about it. What it makes inherits it from criu, and criu from us.
  void keep_from_new_privileges() const {
    constexpr CriuVersion kKeepsIt{3, 19, 0};
    if (!spec_.process || !spec_.process->no_new_privileges || version_.number() >= kKeepsIt.number()) return;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == -1)
      throw SysError(errno, "set no_new_privs for criu");
  }

  // In mounts of its own, with the container's 0, 1 and 2.
  Criu start_criu(const std::vector<UniqueFd>& namespaces) {
    const rootfs::RootfsPlan plan = mounts_for_criu(spec_, record_, proc_);
    request_.options->external = external_at_restore(plan);
    rootfs::make_mount_points(proc_, plan);
    request_.options->root = make_root_directory(dir_);
    Criu::Inherits inherits;
    std::ranges::copy(options_.create.stdio, inherits.stdio);
    for (const UniqueFd& ns : namespaces) inherits.fds.push_back(ns.get());
    keep_from_new_privileges();
    const rootfs::PrivateMounts here(proc_);
    rootfs::mount_root(record_.rootfs, request_.options->root);
    // Opened here: criu works in the directory, and can mount only on what belongs to its own mount
    // namespace.
    image_ = open_image(options_.criu);
    image_.describe_in(*request_.options);
    return Criu(options_.criu.program, inherits);
  }

  Child restore_with(Criu& criu) {
    const CriuAnswer answer = criu.call(request_, [&](const CriuNotification& notification, UniqueFd fd) {
      on(notification, std::move(fd));
    });
    check(sys::unlink_at(dir_.fd(), kRootName, AT_REMOVEDIR), "remove directory ", kRootName);
    if (!answer.success) throw_criu_failure(answer, CriuCall::kRestore, image_);
    // Our child: nobody but us can reap it, so the number is still its own.
    return Child(answer.restored,
                 check(sys::pidfd_open(answer.restored), "pidfd_open of the restored process"));
  }

  void on(const CriuNotification& notification, UniqueFd fd) {
    if (notification.script == "setup-namespaces") {
      if (!spec_.linux.net_devices.empty())
        lend_network_devices(spec_.linux, network_namespace(notification.pid), lent_);
      run_runtime_hooks(spec_.hooks, record_, notification.pid, poststop_);
    } else if (notification.script == "post-restore") {
      record_.init = identify(proc_, notification.pid);
      dir_.note_init(record_.init);
    } else if (notification.script == "orphan-pts-master" && fd.valid() && console_.valid()) {
      send_console(console_.get(), fd);
    }
  }

  UniqueFd network_namespace(pid_t pid) const {
    const bool own = std::ranges::find(spec_.linux.namespaces, oci::NamespaceType::kNetwork,
                                       &oci::Namespace::type) != spec_.linux.namespaces.end();
    if (!own) throw Error(ErrorKind::kConfig, "netDevices need a network namespace of the container's own");
    return check(sys::open_at(proc_.fd(), cat(pid, "/ns/net").c_str(), O_RDONLY),
                 "open the container's network namespace");
  }

  void publish(const Child& init) {
    if (record_.init.pid != init.pid()) record_.init = identify(proc_, init.pid());
    record_.phase = Record::Phase::kCreated;
    record_.created = rfc3339_now();
    dir_.write(record_);
    PidFile(options_.create.pid_file, init.pid()).keep();
    announce_pidfd(options_.create, record_, init.pidfd());
    poststop_.disarm();
    if (lent_) lent_->keep();
  }

  const RestoreOptions& options_;
  const CriuVersion version_;
  const oci::Spec& spec_;
  StateDir& dir_;
  const Proc& proc_;
  CriuImage image_;
  UniqueFd console_;
  Record record_;
  PoststopOnFailure poststop_;
  CriuRequest request_{.call = CriuCall::kRestore};
  LentDevices lent_;
};

}  // namespace

Child restore(const RestoreOptions& options) {
  const Bundle bundle = checked_bundle(options.create);
  const CriuVersion version = require_criu(options.criu.program);
  // Older ones break a profile that is not the dumped one.
  constexpr CriuVersion kOtherLabels{3, 16, 0};
  if (version.number() < kOtherLabels.number() &&
      !(options.lsm_profile.empty() && options.lsm_mount_context.empty()))
    throw Error(ErrorKind::kUnsupported, "--lsm-profile and --lsm-mount-context need criu 3.16");
  StateDir dir = StateDir::reserve(options.create.container);
  dir.keep_config(bundle.text);
  Child init = Restoration(options, version, bundle, dir).run();
  dir.keep();
  return init;
}

}  // namespace crunlite::runtime
