// SPDX-License-Identifier: Apache-2.0
// `checkpoint`: finds out what criu has to know about a running container, and lets it work. Until criu has
// said that the image is complete, the container is only ever stopped for a while.
#include "runtime/checkpoint.h"

#include "base/error.h"
#include "base/log.h"
#include "runtime/criu_container.h"
#include "runtime/criu_image.h"
#include "runtime/state_dir.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

void require_running(oci::Status status) {
  if (status == oci::Status::kRunning || status == oci::Status::kPaused) return;
  throw Error(ErrorKind::kState, "container not running: it cannot be checkpointed in the ",
              oci::name_of(status), " state");
}

// Where criu can stop all processes at once; empty: one by one, with ptrace(2).
std::string freezer_of(const CgroupPlan& plan) {
  struct Freezer {
    const CgroupHierarchy* where;
    const char* file;
  };
  for (const auto& [where, file] :
       {Freezer{plan.with_controller("freezer"), "freezer.state"}, Freezer{plan.v2(), "cgroup.freeze"}}) {
    if (where && sys::stat_at(AT_FDCWD, cat(where->full_path(), "/", file).c_str(), 0).ok())
      return where->full_path();
  }
  return {};
}

CriuCall call_of(const CheckpointOptions& options) {
  return options.pre_dump ? CriuCall::kPreDump : CriuCall::kDump;
}

CriuOptions dump_options(const CheckpointOptions& options, const Record& record, const CriuImage& image) {
  CriuOptions out = criu_options(options.criu, record, image);
  out.pid = record.init.pid;
  out.root = record.rootfs;
  out.freeze_cgroup = freezer_of(record.cgroup);
  out.leave_running = options.leave_running;
  out.tcp_skip_in_flight = options.tcp_skip_in_flight;
  out.link_remap = options.link_remap;
  out.page_server = options.page_server;
  out.parent_image = options.parent_path;
  out.track_mem = options.pre_dump || !options.parent_path.empty();
  if (!options.criu.program.has_iptables) out.network_lock = CriuNetworkLock::kNftables;
  return out;
}

// What a pre-dump, which is of memory alone, does without.
void describe_surroundings(const oci::Spec& spec, const Record& record, const CriuImage& image,
                           CriuOptions& out) {
  const Proc& proc = open_proc();
  const rootfs::RootfsPlan mounts = mounts_for_criu(spec, record, proc);
  for (std::string& mount : external_at_dump(mounts, record.init.pid, proc))
    out.external.push_back(std::move(mount));
  const std::vector<std::string> keys = descriptor_keys(record, proc);
  for (const std::string& key : keys)
    if (is_external_file(key)) out.external.push_back(key);
  write_descriptors(image, keys);
}

void require_features(const CheckpointOptions& options) {
  const CriuFeatures wanted{.mem_track = options.pre_dump || !options.parent_path.empty(),
                            .lazy_pages = options.criu.lazy_pages};
  if (wanted.mem_track || wanted.lazy_pages) require_criu_features(options.criu.program, wanted);
}

// The caller starts the other side, which asks for the pages, when it sees this byte.
void say_ready(const CheckpointOptions& options) {
  if (!options.status_fd) return;
  const sys::Status said = sys::write_all(*options.status_fd, std::string_view("\0", 1));
  if (!said.ok()) log::warning(cat("--status-fd ", *options.status_fd, ": ", error_text(said.error())));
}

// A criu that is killed half-way leaves the cgroup frozen.
class ThawOnFailure {
 public:
  ThawOnFailure(const Record& record, oci::Status before)
      : record_(record), armed_(before != oci::Status::kPaused) {}
  ThawOnFailure(const ThawOnFailure&) = delete;
  ThawOnFailure& operator=(const ThawOnFailure&) = delete;
  ~ThawOnFailure() {
    if (!armed_) return;
    try {
      if (Cgroup cgroup = Cgroup::open(record_.cgroup); cgroup.frozen()) cgroup.thaw();
    } catch (const Error& error) {
      log::warning(cat("let the container go on: ", error.what()));
    }
  }
  void disarm() { armed_ = false; }

 private:
  const Record& record_;
  bool armed_;
};

void dump(const CheckpointOptions& options, const StateDir& dir, const Record& record,
          const CriuImage& image) {
  const oci::Spec spec = dir.config();
  CriuRequest request{.call = call_of(options), .options = dump_options(options, record, image)};
  for (std::string& ns : joined_at_dump(spec.linux, record.init.pid, open_proc()))
    request.options->external.push_back(std::move(ns));
  if (!options.pre_dump) describe_surroundings(spec, record, image, *request.options);
  const auto notified = [&](const CriuNotification& notification, const UniqueFd&) {
    if (notification.script == "status-ready") say_ready(options);
  };
  const CriuAnswer answer = Criu(options.criu.program).call(request, notified);
  if (!answer.success) throw_criu_failure(answer, request.call, image);
}

// criu has ended its processes. As with runc, nothing is left to `delete`; what cannot be removed is no
// reason to call a good image a failure.
void delete_container(const Ref& container) {
  try {
    remove(container, Force::kYes);
  } catch (const Error& error) {
    log::warning(cat("delete ", container.id, " after its checkpoint: ", error.what()));
  }
}

}  // namespace

void checkpoint(const CheckpointOptions& options) {
  StateDir dir = StateDir::open(options.container);
  dir.lock();
  const Record record = dir.read();
  const Situation now = situation_of(dir, record, open_proc());
  require_running(now.status);
  require_criu(options.criu.program);
  const CriuImage image = make_image(options.criu);
  if (!options.parent_path.empty()) check_parent_path(image, options.parent_path);
  require_features(options);

  ThawOnFailure thaw(record, now.status);
  dump(options, dir, record, image);
  thaw.disarm();
  if (options.leave_running || options.pre_dump) return;
  dir.unlock();
  delete_container(options.container);
}

}  // namespace crunlite::runtime
