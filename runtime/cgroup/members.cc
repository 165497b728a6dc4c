// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/members.h"

#include <poll.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

using std::chrono::milliseconds;

constexpr int kLongestPause = 16;  // milliseconds, where the kernel offers nothing to wait for
constexpr size_t kWatchedAtOnce = 64;

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

void pause(int round, Deadline deadline) {
  (void)::poll(nullptr, 0, std::min({1 << std::min(round, 4), kLongestPause, milliseconds_until(deadline)}));
}

// Waits until `key` of cgroup.events is `wanted`. The kernel notifies at most every 10 ms (cgroup-v2.rst),
// hence no assumption that one event means one change.
bool wait_for_event(int dir, std::string_view key, std::string_view wanted, Deadline deadline) {
  const sys::Result<UniqueFd> events = sys::open_at(dir, "cgroup.events", O_RDONLY | O_NOFOLLOW);
  if (!events.ok()) return true;  // the cgroup is gone, or the kernel is too old to tell
  for (;;) {
    char buffer[256];
    const sys::Result<size_t> size = sys::pread(events->get(), buffer, sizeof buffer, 0);
    if (!size.ok() || flat_value(std::string(buffer, *size), key) == wanted) return true;
    pollfd event{.fd = events->get(), .events = POLLPRI, .revents = 0};
    const int left = milliseconds_until(deadline);
    if (left == 0) return false;
    (void)::poll(&event, 1, left);
  }
}

std::string freezer_state(int dir) {
  return std::string(trim(read_cgroup_file(dir, "freezer.state").value_or("THAWED")));
}

[[noreturn]] void cannot_freeze() {
  throw Error(ErrorKind::kSystem, "the kernel does not manage to freeze the container's processes in time")
      .with_remedy("a process in uninterruptible sleep (state D) cannot be frozen; try again later");
}

}  // namespace

std::string flat_value(const std::string& text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) == key && line.substr(key.size(), 1) == " ")
      return std::string(trim(line.substr(key.size() + 1)));
  }
  return "";
}

void freeze_v1(int dir, Deadline deadline) {
  // FREEZING becomes FROZEN only when somebody looks, and no event tells. A task that forked meanwhile may
  // need the request again (runc: fs/freezer.go).
  for (int round = 0; milliseconds_until(deadline) > 0; ++round) {
    check(write_cgroup_file(dir, "freezer.state", "FROZEN"), "freeze the container");
    if (freezer_state(dir) == "FROZEN") return;
    pause(round, deadline);
  }
  (void)write_cgroup_file(dir, "freezer.state", "THAWED");
  cannot_freeze();
}

void freeze_v2(int dir, Deadline deadline) {
  check(write_cgroup_file(dir, "cgroup.freeze", "1"), "freeze the container");
  if (wait_for_event(dir, "frozen", "1", deadline)) return;
  (void)write_cgroup_file(dir, "cgroup.freeze", "0");
  cannot_freeze();
}

void thaw_tree_v1(int dir) {
  walk_cgroups(dir, [](int cgroup) { (void)write_cgroup_file(cgroup, "freezer.state", "THAWED"); });
}

void thaw_tree_v2(int dir) {
  walk_cgroups(dir, [](int cgroup) { (void)write_cgroup_file(cgroup, "cgroup.freeze", "0"); });
}

void wait_for_exit_v2(int dir, int round, Deadline deadline) {
  const bool empty = wait_for_event(dir, "populated", "0", deadline);
  // Empty and still busy: an exiting task that is not off its CPU yet.
  if (empty && round > 0) pause(round - 1, deadline);
}

void wait_for_exit_v1(int dir, int round, Deadline deadline) {
  std::vector<UniqueFd> held;
  std::vector<pollfd> watched;
  for (const pid_t pid : cgroup_processes(dir)) {
    sys::Result<UniqueFd> pidfd = sys::pidfd_open(pid);
    if (!pidfd.ok()) continue;
    watched.push_back({.fd = pidfd->get(), .events = POLLIN, .revents = 0});
    held.push_back(std::move(*pidfd));
    if (held.size() == kWatchedAtOnce) break;
  }
  if (!watched.empty()) (void)::poll(watched.data(), watched.size(), milliseconds_until(deadline));
  // Nobody left, or ended and not yet taken off the list.
  if (watched.empty() || round > 0) pause(round, deadline);
}

sys::Status signal_members(const std::vector<pid_t>& pids, int signal,
                           const std::function<std::vector<pid_t>()>& members) {
  std::vector<std::pair<pid_t, UniqueFd>> held;
  for (const pid_t pid : pids) {
    sys::Result<UniqueFd> pidfd = sys::pidfd_open(pid);
    if (pidfd.ok()) held.emplace_back(pid, std::move(*pidfd));
  }
  const std::vector<pid_t> now = members();
  sys::Status first = sys::kOk;
  for (const auto& [pid, pidfd] : held) {
    if (!std::binary_search(now.begin(), now.end(), pid)) continue;
    const sys::Status sent = sys::pidfd_send_signal(pidfd.get(), signal);
    if (!sent.ok() && sent.error() != ESRCH && first.ok()) first = sent;
  }
  return first;
}

}  // namespace crunlite::runtime
