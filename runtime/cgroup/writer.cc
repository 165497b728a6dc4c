// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/writer.h"

#include <algorithm>

#include "base/text.h"
#include "runtime/cgroup/members.h"
#include "runtime/cgroup/tree.h"

namespace crunlite::runtime {
namespace {

// Page sizes of the hugetlb files in a directory: "2MB, 1GB".
std::string page_sizes(int dir) {
  std::string sizes;
  for (const char* size : {"64KB", "2MB", "16MB", "32MB", "512MB", "1GB", "16GB"}) {
    const bool there = sys::stat_at(dir, cat("hugetlb.", size, ".max").c_str(), 0).ok() ||
                       sys::stat_at(dir, cat("hugetlb.", size, ".limit_in_bytes").c_str(), 0).ok();
    if (there) sizes += cat(sizes.empty() ? "" : ", ", size);
  }
  return sizes;
}

std::string why_missing(int dir, const CgroupHierarchy& where, const std::string& file) {
  if (file.starts_with("hugetlb.")) {
    const std::string sizes = page_sizes(dir);
    if (!sizes.empty()) return cat("the page sizes of this machine are ", sizes);
  }
  if (file.starts_with("memory.memsw.")) return "boot the kernel with swapaccount=1, or set no swap limit";
  if (file.starts_with("cpu.rt_")) return "the kernel is built without CONFIG_RT_GROUP_SCHED";
  if (file.find("leaf_weight") != std::string::npos) return "it went with the CFQ scheduler in Linux 5.0";
  if (file.starts_with("blkio.") || file.starts_with("io."))
    return "weights need the bfq scheduler (CONFIG_BFQ_GROUP_IOSCHED, /sys/block/*/queue/scheduler) or "
           "CONFIG_BLK_CGROUP_IOCOST";
  return where.v2 ? "the controller is not enabled there: see cgroup.controllers in that directory and "
                    "cgroup.subtree_control above it (a cgroup with processes cannot hand it down; systemd "
                    "hands a "
                    "user those of Delegate= in user@.service)"
                  : "the kernel is built or booted without it";
}

Error missing_file(int dir, const CgroupHierarchy& where, std::string_view controller,
                   const std::string& file) {
  // Not the kernel's own words: callers take those for a missing executable.
  Error error(ErrorKind::kUnsupported, "the ", controller, " controller of cgroup v", where.v2 ? 2 : 1,
              " offers no ", file, " in ", where.full_path());
  error.with_remedy(why_missing(dir, where, file));
  return error;
}

std::string now(int dir, const char* file) {
  try {
    return std::string(trim(read_cgroup_file(dir, file).value_or("?")));
  } catch (const Error&) {
    return "?";
  }
}

// What the kernel does not say with its errno; empty when we do not know either.
std::string why_refused(int dir, const std::string& file, int error) {
  if (file == "memory.limit_in_bytes" && error == EBUSY)
    return cat("the container uses ", now(dir, "memory.usage_in_bytes"),
               " bytes now, and the kernel cannot reclaim that much");
  if (file == "memory.limit_in_bytes" && error == EINVAL)
    return cat("the limit of memory and swap together is ", now(dir, "memory.memsw.limit_in_bytes"),
               ": raise it too (--memory-swap)");
  if (file == "memory.memsw.limit_in_bytes" && error == EINVAL)
    return cat("the memory limit is ", now(dir, "memory.limit_in_bytes"),
               ", and memory and swap together cannot be less");
  if (file.starts_with("cpu.rt_") && error == EINVAL)
    return "every cgroup above it needs at least as much realtime (cpu.rt_runtime_us), and the runtime "
           "cannot "
           "exceed the period";
  if ((file == "cpu.shares" || file == "cpu.weight") && error == EINVAL)
    return "a cgroup with cpu.idle has no weight of its own";
  if (file.starts_with("cpuset.") && (error == EINVAL || error == ERANGE || error == EACCES))
    return "the machine, or a cgroup above, has no such CPU or memory node";
  if (file.starts_with("net_prio.") && error == ENODEV) return "there is no such network interface";
  if ((file.starts_with("blkio.") || file.starts_with("io.")) && (error == ENODEV || error == EOPNOTSUPP))
    return "there is no such block device here, or its scheduler does not do that "
           "(/sys/block/*/queue/scheduler)";
  return "";
}

SysError refused(int dir, const CgroupHierarchy& where, const Setting& setting, int error) {
  const std::string reason = why_refused(dir, setting.file, error);
  SysError out(error, "write ", quote(setting.value), " to ", where.full_path(), "/", setting.file);
  out.with_remedy(reason);
  return out;
}

}  // namespace

std::string value_before(const Setting& setting, const std::string& content) {
  if (setting.file == "memory.oom_control") return flat_value(content, "oom_kill_disable");
  if (!setting.absent.empty()) {
    const std::string key = setting.value.substr(0, setting.value.find(' '));
    for (const std::string_view line : split(content, '\n')) {
      if (line.starts_with(key + " ")) return std::string(line);
    }
    return cat(key, " ", setting.absent);
  }
  const std::string_view value = trim(content);
  if (value.find('\n') != std::string_view::npos) return "";
  return value.empty() ? "\n" : std::string(value);  // an empty write would not reach the kernel
}

bool SettingWriter::write_one(int dir, const CgroupHierarchy& where, std::string_view controller,
                              const Setting& setting, bool last_attempt) {
  std::optional<std::string> before;
  if (undo_ == Undo::kYes) before = read_cgroup_file(dir, setting.file);
  const sys::Status status = write_cgroup_file(dir, setting.file, setting.value);
  if (status.ok()) {
    if (undo_ == Undo::kYes) done_.push_back({dir, setting.file, value_before(setting, before.value_or(""))});
    return true;
  }
  if (status.error() == ENOENT && setting.optional) return true;
  if (status.error() == ENOENT) throw missing_file(dir, where, controller, setting.file);
  if (status.error() == EINVAL && !last_attempt) return false;
  throw refused(dir, where, setting, status.error());
}

// Values that depend on each other (limit and limit with swap, quota and period) are refused with EINVAL in
// one order and taken in the other, depending on what is there: those are written once more after the rest.
void SettingWriter::write(int dir, const CgroupHierarchy& where, std::string_view controller,
                          const Settings& settings) {
  std::vector<const Setting*> later;
  for (const Setting& setting : settings) {
    if (!write_one(dir, where, controller, setting, settings.size() == 1)) later.push_back(&setting);
  }
  for (const Setting* setting : later) write_one(dir, where, controller, *setting, true);
}

std::string SettingWriter::take_back() {
  std::vector<Done> left(done_.rbegin(), done_.rend());
  done_.clear();
  // Twice, for the same reason as above.
  for (int round = 0; round < 2; ++round) {
    std::erase_if(left, [](const Done& done) {
      return !done.before.empty() && write_cgroup_file(done.dir, done.file, done.before).ok();
    });
  }
  if (left.empty()) return "nothing was changed";
  std::string names;
  for (const Done& done : left) names += cat(names.empty() ? "" : ", ", done.file);
  return cat("already changed, and not to be set back: ", names, "; the rest is as it was");
}

}  // namespace crunlite::runtime
