// SPDX-License-Identifier: Apache-2.0
#include "runtime/process_id.h"

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {
namespace {

struct Stat {
  char state = 'X';
  uint64_t start_time = 0;
};

// "PID (COMM) STATE PPID …": COMM may hold anything, also ") R 1", so the last parenthesis counts.
std::optional<Stat> parse_stat(std::string_view text) {
  constexpr size_t kStartTimeAfterComm = 19;  // field 22, and the fields after COMM begin with number 3
  const size_t comm_end = text.rfind(')');
  if (comm_end == std::string_view::npos || comm_end + 2 >= text.size()) return std::nullopt;
  const std::vector<std::string_view> fields = split(text.substr(comm_end + 2), ' ');
  if (fields.size() <= kStartTimeAfterComm || fields[0].empty()) return std::nullopt;
  const std::optional<uint64_t> start = parse_number<uint64_t>(fields[kStartTimeAfterComm]);
  if (!start) return std::nullopt;
  return Stat{.state = fields[0][0], .start_time = *start};
}

sys::Result<std::string> read_proc(const Proc& proc, const std::string& path) {
  const sys::Result<UniqueFd> file = proc.open_file(path.c_str(), O_RDONLY);
  if (!file.ok()) return file.status();
  char text[4096];
  const sys::Result<size_t> size = sys::read(file->get(), text, sizeof text);
  if (!size.ok()) return size.status();
  return std::string(text, *size);
}

std::optional<Stat> stat_of(const Proc& proc, pid_t pid) {
  const sys::Result<std::string> text = read_proc(proc, cat(pid, "/stat"));
  return text.ok() ? parse_stat(*text) : std::nullopt;
}

std::string boot_id(const Proc& proc) {
  return std::string(trim(check(read_proc(proc, "sys/kernel/random/boot_id"), "read the boot id")));
}

}  // namespace

ProcessId identify(const Proc& proc, pid_t pid) {
  const std::optional<Stat> stat = stat_of(proc, pid);
  if (!stat) throw SysError(ESRCH, "read the start time of process ", pid);
  return ProcessId{.pid = pid, .start_time = stat->start_time, .boot_id = boot_id(proc)};
}

std::optional<UniqueFd> open_if_alive(const Proc& proc, const ProcessId& id) {
  if (id.pid <= 0) return std::nullopt;
  // The pidfd first: if what is then read matches, the pidfd is of that process whatever happens later.
  sys::Result<UniqueFd> pidfd = sys::pidfd_open(id.pid);
  if (!pidfd.ok()) return std::nullopt;
  const std::optional<Stat> stat = stat_of(proc, id.pid);
  const bool same = stat && stat->start_time == id.start_time && boot_id(proc) == id.boot_id;
  if (!same || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return std::move(*pidfd);
}

}  // namespace crunlite::runtime
