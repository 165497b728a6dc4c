// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"; cgroup-v2.rst, "memory.events".
#include "runtime/cgroup/oom.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/members.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

// Nothing when the cgroup is gone.
std::optional<std::string> content(int fd) {
  char buffer[1024];
  const sys::Result<size_t> size = sys::pread(fd, buffer, sizeof buffer, 0);
  if (!size.ok()) return std::nullopt;
  return std::string(buffer, *size);
}

uint64_t kills_in(const std::string& events) {
  return parse_number<uint64_t>(flat_value(events, "oom_kill")).value_or(0);
}

}  // namespace

OomWatch OomWatch::on_v1(int dir) {
  OomWatch watch;
  watch.control_ =
      check(sys::open_at(dir, "memory.oom_control", O_RDONLY | O_NOFOLLOW), "open memory.oom_control");
  watch.fd_ = check(sys::event_fd(), "make an eventfd");
  check(write_cgroup_file(dir, "cgroup.event_control", cat(watch.fd_.get(), " ", watch.control_.get())),
        "ask for events of memory.oom_control");
  watch.events_ = POLLIN;
  return watch;
}

OomWatch OomWatch::on_v2(int dir) {
  OomWatch watch;
  watch.fd_ = check(sys::open_at(dir, "memory.events", O_RDONLY | O_NOFOLLOW), "open memory.events");
  watch.kills_ = kills_in(content(watch.fd_.get()).value_or(""));  // the first read arms the notification
  watch.events_ = POLLPRI;
  return watch;
}

bool OomWatch::happened() {
  if (!fd_.valid()) return false;
  if (control_.valid()) {
    uint64_t count = 0;
    if (!sys::read(fd_.get(), &count, sizeof count).ok()) return false;
    // The kernel also signals the eventfd when the cgroup is removed.
    return content(control_.get()).has_value();
  }
  const std::optional<std::string> events = content(fd_.get());
  const uint64_t before = std::exchange(kills_, events ? kills_in(*events) : kills_);
  return kills_ > before;
}

}  // namespace crunlite::runtime
