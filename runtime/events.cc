// SPDX-License-Identifier: Apache-2.0
// `events`: what a container uses, at an interval, and when it runs out of memory, until it ends.
#include <poll.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup/stats.h"
#include "runtime/runtime.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kNetDevLimit = 1u << 20;

// Of a network namespace of the container's own; the host's interfaces say nothing about it.
json::Array network_of(pid_t pid, const Proc& proc) {
  const sys::Result<struct stat> theirs = sys::stat_at(proc.fd(), cat(pid, "/ns/net").c_str(), 0);
  const sys::Result<struct stat> ours = sys::stat_at(proc.fd(), "self/ns/net", 0);
  if (!theirs.ok() || !ours.ok() || theirs->st_ino == ours->st_ino) return {};
  const sys::Result<UniqueFd> file = proc.open_file(cat(pid, "/net/dev").c_str(), O_RDONLY);
  if (!file.ok()) return {};
  try {
    return network_stats(read_fd(file->get(), "net/dev", kNetDevLimit));
  } catch (const Error&) {
    return {};  // it has just ended
  }
}

class Watch {
 public:
  Watch(const Record& record, const EventPrinter& print)
      : record_(record), cgroup_(Cgroup::open(record.cgroup)), print_(print) {}

  void print_stats() {
    json::Object data = cgroup_.stats();
    data.add("intel_rdt", rdt_stats(record_.rdt));
    data.add("network_interfaces", network_of(record_.init.pid, open_proc()));
    print_(json::Object{{"type", "stats"}, {"id", record_.id}, {"data", std::move(data)}});
  }

  void until_end(int init, std::chrono::milliseconds interval) {
    OomWatch oom = cgroup_.watch_oom();
    Clock::time_point next = Clock::now() + interval;
    for (;;) {
      pollfd waiting[] = {{.fd = init, .events = POLLIN, .revents = 0}, oom.request()};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
      (void)::poll(waiting, 2, static_cast<int>(std::max<int64_t>(left, 0)));
      // The lack of memory that ends the container is told before its end.
      if (oom.happened()) print_(json::Object{{"type", "oom"}, {"id", record_.id}});
      if (waiting[0].revents) return;
      if (Clock::now() < next) continue;
      print_stats();
      next += interval;
    }
  }

 private:
  const Record& record_;
  const Cgroup cgroup_;
  const EventPrinter& print_;
};

}  // namespace

void events(const Ref& container, const EventsOptions& options, const EventPrinter& print) {
  const StateDir dir = StateDir::open(container);
  const Record record = dir.read();
  const Situation now = situation_of(dir, record, open_proc());
  if (!now.init) throw Error(ErrorKind::kState, "container not running");
  Watch watch(record, print);
  if (options.once) return watch.print_stats();
  watch.until_end(now.init->get(), options.interval);
}

}  // namespace crunlite::runtime
