// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/cgroup/members.h"
#include "runtime/cgroup/systemd_driver.h"
#include "runtime/cgroup/tree.h"
#include "runtime/cgroup/writer.h"

namespace crunlite::runtime {
namespace {

constexpr std::chrono::seconds kFreezeTimeout{10};
constexpr std::chrono::seconds kUndoTimeout{2};
constexpr int kKillRounds = 64;

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

UniqueFd open_root(const CgroupHierarchy& where) {
  return open_cgroup_root(where.mount_point, where.v2 ? CgroupVersion::kV2 : CgroupVersion::kV1);
}

bool has(const CgroupHierarchy& where, std::string_view controller) {
  return std::find(where.controllers.begin(), where.controllers.end(), controller) != where.controllers.end();
}

// A cgroup of cpuset v1 takes no process before it has CPUs and memory nodes: empty ones get their parent's.
void inherit_cpuset(int dir, int parent) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    if (!trim(read_cgroup_file(dir, file).value_or("")).empty()) continue;
    const std::string above(trim(read_cgroup_file(parent, file).value_or("")));
    if (!above.empty()) check(write_cgroup_file(dir, file, above), "write ", quote(above), " to ", file);
  }
}

// Where v2 stands alone all controllers are handed down, as other runtimes do, so that statistics are there;
// in a hybrid they stay with whoever manages v2, until `unified` asks for one.
std::function<void(int, int)> prepare_level(const CgroupHierarchy& where, bool alone) {
  if (where.v2 && alone) return [&where](int, int parent) { enable_controllers(parent, where.controllers); };
  if (!where.v2 && has(where, "cpuset")) return inherit_cpuset;
  return [](int, int) {};
}

bool is_refusal(int error) {
  return error == EACCES || error == EPERM || error == EROFS;
}

// An unprivileged caller usually owns a place in v2 or in one hierarchy of v1 and none in the others; without
// any limits a container can do without (runc and crun go on too, but not when a path was asked for).
bool may_do_without(const CgroupPlan& plan, const CgroupHierarchy& where, int error) {
  if (!is_refusal(error)) return false;
  return where.v2 ? plan.may_be_missing : plan.rootless || ::geteuid() != 0;
}

bool place_is_frozen(int dir, bool v2) {
  try {
    if (v2) return trim(read_cgroup_file(dir, "cgroup.freeze").value_or("0")) == "1";
    return trim(read_cgroup_file(dir, "freezer.state").value_or("THAWED")) != "THAWED";
  } catch (const SysError&) {
    return false;  // ENODEV: removed while we looked
  }
}

// Without the container's cgroup inside it, a unit of the same name that has processes may be somebody
// else's.
bool unit_is_foreign(const CgroupPlan& plan, int root, const CgroupHierarchy& where) {
  if (!plan.systemd || plan.systemd->subgroup.empty()) return false;
  const std::string unit = where.path.substr(0, where.path.size() - plan.systemd->subgroup.size());
  const sys::Result<UniqueFd> dir = open_cgroup(root, unit);
  if (!dir.ok() || cgroup_processes(dir->get()).empty()) return false;
  return cgroup_mark(dir->get(), CgroupMark::kMade) != cgroup_owner_mark(plan.owner, plan.id);
}

// A process that joins would stand still at once, and we would wait for it for ever.
void refuse_frozen(int dir, const CgroupHierarchy& where) {
  if (!where.v2 && !has(where, "freezer")) return;
  const bool frozen = where.v2
                          ? flat_value(read_cgroup_file(dir, "cgroup.events").value_or(""), "frozen") == "1"
                          : place_is_frozen(dir, false);
  if (frozen)
    throw Error(ErrorKind::kState, "container's cgroup unexpectedly frozen: ", where.full_path())
        .with_remedy("thaw it, or the cgroups above it");
}

}  // namespace

Cgroup::Cgroup(Cgroup&& other) noexcept
    : plan_(std::move(other.plan_)),
      places_(std::move(other.places_)),
      armed_(std::exchange(other.armed_, false)),
      unit_started_(other.unit_started_),
      foreign_(other.foreign_),
      pids_zero_pending_(other.pids_zero_pending_) {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  Cgroup moved(std::move(other));
  std::swap(plan_, moved.plan_);
  std::swap(places_, moved.places_);
  std::swap(armed_, moved.armed_);
  std::swap(unit_started_, moved.unit_started_);
  std::swap(foreign_, moved.foreign_);
  std::swap(pids_zero_pending_, moved.pids_zero_pending_);
  return *this;
}

Cgroup::~Cgroup() {
  if (!armed_) return;
  try {
    kill_all(SIGKILL);
    remove(kUndoTimeout);
  } catch (const std::exception& error) {
    log::warning(error.what());
  }
}

Cgroup Cgroup::create(const CgroupPlan& plan) {
  Cgroup cgroup;
  cgroup.plan_ = plan;
  cgroup.armed_ = true;
  if (plan.systemd) return cgroup;  // start_unit() makes it, around a process
  const std::string mark = cgroup_owner_mark(plan.owner, plan.id);
  const bool v2_alone = plan.hierarchies.size() == 1;
  for (const CgroupHierarchy& where : plan.hierarchies) {
    const UniqueFd root = open_root(where);
    MadeCgroup made;
    try {
      made = make_cgroup(root.get(), where.path, prepare_level(where, v2_alone));
    } catch (const SysError& error) {
      if (may_do_without(plan, where, error.error())) continue;
      SysError refused = error;
      if (plan.rootless && is_refusal(error.error())) refused.with_remedy(kDelegation);
      throw refused;
    }
    const bool ours = made.made || cgroup_mark(made.dir.get(), CgroupMark::kMade) == mark;
    if (!made.made && !cgroup_processes(made.dir.get()).empty())
      throw Error(ErrorKind::kExists, "container's cgroup is not empty: there are processes in ",
                  where.full_path());
    if (!made.made) refuse_frozen(made.dir.get(), where);
    mark_cgroup(made.dir.get(), ours ? CgroupMark::kMade : CgroupMark::kAdopted, mark);
    cgroup.places_.push_back({.where = where, .dir = std::move(made.dir), .ours = ours});
    refuse_frozen(cgroup.places_.back().dir.get(), where);  // by a cgroup above it
  }
  return cgroup;
}

Cgroup Cgroup::open(const CgroupPlan& plan) {
  Cgroup cgroup;
  cgroup.plan_ = plan;
  const std::string mark = cgroup_owner_mark(plan.owner, plan.id);
  for (const CgroupHierarchy& where : plan.hierarchies) {
    const UniqueFd root = open_root(where);
    sys::Result<UniqueFd> dir = open_cgroup(root.get(), where.path);
    if (dir.error() == ENOENT) {
      cgroup.foreign_ = cgroup.foreign_ || unit_is_foreign(plan, root.get(), where);
      continue;
    }
    UniqueFd opened = check(std::move(dir), "open cgroup ", where.full_path());
    const std::string made = cgroup_mark(opened.get(), CgroupMark::kMade);
    const std::string adopted = made == mark ? "" : cgroup_mark(opened.get(), CgroupMark::kAdopted);
    // A record may be older than what stands at its path now. Without our mark it is ours only if it is
    // empty: create() was killed between making and marking.
    const bool unmarked =
        made.empty() && adopted.empty() && !where.existed && cgroup_processes(opened.get()).empty();
    if (made != mark && adopted != mark && !unmarked) {
      cgroup.foreign_ = true;
      continue;
    }
    cgroup.places_.push_back({.where = where, .dir = std::move(opened), .ours = made == mark || unmarked});
  }
  return cgroup;
}

UniqueFd Cgroup::make_place(const CgroupHierarchy& where) const {
  const UniqueFd root = open_root(where);
  // Not before enter_subgroup(): with some controllers handed down and a process in it, the unit's cgroup
  // would become the root of a threaded tree (cgroups(7)), in which a process cannot be moved.
  const bool later = where.v2 && plan_.systemd && !plan_.systemd->subgroup.empty();
  const bool hand_down = !later && plan_.hierarchies.size() == 1;
  return make_cgroup(root.get(), where.path, prepare_level(where, hand_down)).dir;
}

CgroupPlan Cgroup::made() const {
  CgroupPlan out = plan_;
  if (plan_.systemd && !unit_started_) return out;
  out.hierarchies.clear();
  for (const Place& place : places_) out.hierarchies.push_back(place.where);
  return out;
}

const Cgroup::Place* Cgroup::place_of(std::string_view controller) const {
  for (const Place& place : places_) {
    if (has(place.where, controller)) return &place;
  }
  return nullptr;
}

const Cgroup::Place* Cgroup::v2_place() const {
  for (const Place& place : places_) {
    if (place.where.v2) return &place;
  }
  return nullptr;
}

int Cgroup::clone_fd() const {
  // Into a unit of his manager a user's process is moved by that manager.
  if (plan_.systemd && plan_.systemd->access.user) return -1;
  const Place* place = v2_place();
  return place ? place->dir.get() : -1;
}

bool Cgroup::placed_by_clone() const {
  if (pids_zero_pending_) return false;  // join() writes it
  const auto in_v2 = [](const Place& place) { return place.where.v2; };
  return std::all_of(places_.begin(), places_.end(), in_v2) && clone_fd() >= 0;
}

void Cgroup::join(pid_t pid, InV2 already) {
  // All of them, back to back: the first move waits for an RCU grace period (0.12 ms here) that the others
  // share (0.02 ms each), so leaving some out would save nothing and cost callers their statistics.
  const std::string text = cat(pid);
  for (const Place& place : places_) {
    if (place.where.v2 && already == InV2::kYes) continue;
    const sys::Status moved = write_cgroup_file(place.dir.get(), "cgroup.procs", text);
    // Between two branches that belong to root a user moves nothing; his manager has it done.
    if (is_refusal(moved.error()) && place.where.v2 && plan_.systemd) {
      attach_to_unit(*plan_.systemd, pid, path_in_unit(place));
      continue;
    }
    check(moved, "move process ", pid, " to cgroup ", place.where.full_path());
  }
  if (!std::exchange(pids_zero_pending_, false)) return;
  const Place* pids = place_of("pids");
  SettingWriter(SettingWriter::Undo::kNo).write(pids->dir.get(), pids->where, "pids", {{"pids.max", "0"}});
}

void Cgroup::require_joinable(MayWait may_wait) const {
  for (const CgroupHierarchy& where : plan_.hierarchies) {
    const auto is_it = [&](const Place& place) { return place.where.mount_point == where.mount_point; };
    if (std::none_of(places_.begin(), places_.end(), is_it))
      throw Error(ErrorKind::kState, "the container's cgroup ", where.full_path(),
                  " is gone, or has become somebody else's: a process would be without its limits");
  }
  if (may_wait == MayWait::kYes) return;
  for (const Place& place : places_) refuse_frozen(place.dir.get(), place.where);
}

void Cgroup::freeze() {
  const Place* v2 = v2_place();
  const Place* v1 = place_of("freezer");
  if (v2) {
    freeze_v2(v2->dir.get(), in(kFreezeTimeout));
  } else if (v1) {
    freeze_v1(v1->dir.get(), in(kFreezeTimeout));
  } else {
    throw Error(ErrorKind::kUnsupported, "the container cannot be frozen: it is in no cgroup with a freezer");
  }
}

void Cgroup::thaw() {
  // Either may have been used, by us or by the caller.
  if (const Place* v2 = v2_place())
    check(write_cgroup_file(v2->dir.get(), "cgroup.freeze", "0"), "thaw the container");
  if (const Place* v1 = place_of("freezer"))
    check(write_cgroup_file(v1->dir.get(), "freezer.state", "THAWED"), "thaw the container");
}

bool is_frozen(const CgroupPlan& plan) {
  return std::any_of(plan.hierarchies.begin(), plan.hierarchies.end(), [](const CgroupHierarchy& where) {
    if (!where.v2 && !has(where, "freezer")) return false;
    const sys::Result<UniqueFd> root =
        sys::open_at(AT_FDCWD, where.mount_point.c_str(), O_RDONLY | O_DIRECTORY);
    if (!root.ok()) return false;  // not mounted here: whoever froze it was elsewhere
    const sys::Result<UniqueFd> dir = open_cgroup(root->get(), where.path);
    return dir.ok() && place_is_frozen(dir->get(), where.v2);
  });
}

bool Cgroup::frozen() const {
  const Place* v2 = v2_place();
  const Place* v1 = place_of("freezer");
  return (v2 && place_is_frozen(v2->dir.get(), true)) || (v1 && place_is_frozen(v1->dir.get(), false));
}

void Cgroup::thaw_everything() {
  if (const Place* v2 = v2_place()) thaw_tree_v2(v2->dir.get());
  if (const Place* v1 = place_of("freezer")) thaw_tree_v1(v1->dir.get());
}

void Cgroup::kill_all(int signal) {
  if (signal != SIGKILL) {
    signal_all(signal);
    return;
  }
  const Place* v2 = v2_place();
  // Since 5.14 the kernel kills a whole tree at once, forks included. What has left the v2 cgroup and is
  // still in one of v1, or all on an older kernel, is signalled one by one.
  const bool killed = v2 && write_cgroup_file(v2->dir.get(), "cgroup.kill", "1").ok();
  if (!killed && (v2 || place_of("freezer"))) {
    try {
      freeze();  // so that none of them forks away
    } catch (const Error& error) {
      log::debug(error.what());  // the rounds below reach them too
    }
  }
  try {
    signal_all(SIGKILL);
  } catch (...) {
    thaw_everything();
    throw;
  }
  thaw_everything();  // a frozen task of v1 dies only when it runs
}

std::vector<pid_t> Cgroup::all_processes() const {
  std::set<pid_t> all;
  for (const Place& place : places_) {
    for (const pid_t pid : cgroup_processes(place.dir.get())) all.insert(pid);
  }
  all.erase(::getpid());
  return {all.begin(), all.end()};
}

void Cgroup::signal_all(int signal) {
  std::set<pid_t> done;
  sys::Status failed = sys::kOk;
  for (int round = 0; round < kKillRounds; ++round) {
    std::vector<pid_t> fresh = all_processes();
    std::erase_if(fresh, [&](pid_t pid) { return done.contains(pid); });
    if (fresh.empty()) break;
    const sys::Status status = signal_members(fresh, signal, [this] { return all_processes(); });
    if (failed.ok()) failed = status;
    done.insert(fresh.begin(), fresh.end());
    if (signal != SIGKILL) break;  // a process that forks on SIGTERM must not keep us here
  }
  check(failed, "send signal ", signal, " to the container's processes");
}

std::vector<pid_t> Cgroup::processes() const {
  // In a hybrid all of them are in v2 as well; in v1 every hierarchy has the same.
  const Place* place = v2_place();
  if (!place && !places_.empty()) place = &places_.front();
  return place ? cgroup_processes(place->dir.get()) : std::vector<pid_t>();
}

void Cgroup::remove(std::chrono::milliseconds timeout) {
  const Deadline deadline = in(timeout);
  std::string stuck;
  stop_unit_if_ours();
  // v2 first: its event tells when the last process is gone, and then v1 is empty too.
  std::stable_partition(places_.begin(), places_.end(), [](const Place& place) { return place.where.v2; });
  for (const Place& place : places_) {
    const UniqueFd root = open_root(place.where);
    if (!place.ours) {
      unmark_cgroup(place.dir.get(), CgroupMark::kAdopted);
      continue;
    }
    sys::Status status = remove_cgroup(root.get(), place.where.path);
    for (int round = 0; status.error() == EBUSY && std::chrono::steady_clock::now() < deadline; ++round) {
      (place.where.v2 ? wait_for_exit_v2 : wait_for_exit_v1)(place.dir.get(), round, deadline);
      status = remove_cgroup(root.get(), place.where.path);
    }
    if (!status.ok() && status.error() != ENOENT) {
      std::string pids;
      for (const pid_t pid : cgroup_processes(place.dir.get())) pids += cat(" ", pid);
      stuck += cat(stuck.empty() ? "" : "; ", place.where.full_path(), ": ", error_text(status.error()),
                   pids.empty() ? "" : ", processes", pids);
      continue;
    }
    remove_made_parents(root.get(), place.where.path);
  }
  armed_ = false;
  if (!stuck.empty()) throw Error(ErrorKind::kSystem, "remove cgroup: ", stuck);
}

}  // namespace crunlite::runtime
