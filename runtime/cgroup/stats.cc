// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/stats.h"

#include <charconv>
#include <limits>

#include "base/text.h"
#include "runtime/cgroup/members.h"

namespace crunlite::runtime {
namespace {

using json::Array;
using json::Object;

constexpr uint64_t kNanosPerTick = 10'000'000;  // USER_HZ is 100 for user space on every architecture
constexpr uint64_t kNanosPerMicro = 1000;

uint64_t number(std::string_view text) {
  text = trim(text);
  if (text == "max") return std::numeric_limits<uint64_t>::max();
  return parse_number<uint64_t>(text).value_or(0);
}

class Files {
 public:
  explicit Files(const CurrentValue& read) : read_(read) {}
  std::string text(const std::string& file) const { return read_(file).value_or(""); }
  bool has(const std::string& file) const { return read_(file).has_value(); }
  uint64_t value(const std::string& file) const { return number(text(file)); }
  uint64_t value(const std::string& file, std::string_view key) const {
    return number(flat_value(text(file), key));
  }

 private:
  const CurrentValue& read_;
};

// Members that runc leaves out when they are 0.
void add(Object& out, const char* key, uint64_t value) {
  if (value != 0) out.add(key, value);
}

double decimal(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst)
Object pressure_line(std::string_view line) {
  Object out;
  for (const std::string_view word : split(line, ' ')) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key(word.substr(0, equals));
    const std::string_view value = word.substr(equals + 1);
    if (key == "total") {
      out.add(key, number(value));
    } else {
      out.add(key, decimal(value));
    }
  }
  return out;
}

void add_pressure(const Files& files, const std::string& file, Object& out) {
  Object psi;
  const std::string text = files.text(file);
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("some ")) psi.add("some", pressure_line(line));
    if (line.starts_with("full ")) psi.add("full", pressure_line(line));
  }
  if (!psi.empty()) out.add("psi", std::move(psi));
}

Array numbers(std::string_view text) {
  Array out;
  for (const std::string_view word : split(trim(text), ' '))
    if (!word.empty()) out.emplace_back(number(word));
  return out;
}

// cpuacct.usage_all: "cpu user system", then a line per CPU.
void add_percpu(const Files& files, Object& usage) {
  Array user, kernel;
  const std::string text = files.text("cpuacct.usage_all");
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() != 3 || words[0] == "cpu") continue;
    user.emplace_back(number(words[1]));
    kernel.emplace_back(number(words[2]));
  }
  if (!kernel.empty()) usage.add("percpu_kernel", std::move(kernel));
  if (!user.empty()) usage.add("percpu_user", std::move(user));
}

Object cpu_usage(const Files& files, bool v2) {
  Object usage;
  if (v2) {
    add(usage, "total", files.value("cpu.stat", "usage_usec") * kNanosPerMicro);
    usage.add("kernel", files.value("cpu.stat", "system_usec") * kNanosPerMicro);
    usage.add("user", files.value("cpu.stat", "user_usec") * kNanosPerMicro);
    return usage;
  }
  add(usage, "total", files.value("cpuacct.usage"));
  if (Array percpu = numbers(files.text("cpuacct.usage_percpu")); !percpu.empty())
    usage.add("percpu", std::move(percpu));
  add_percpu(files, usage);
  usage.add("kernel", files.value("cpuacct.stat", "system") * kNanosPerTick);
  usage.add("user", files.value("cpuacct.stat", "user") * kNanosPerTick);
  return usage;
}

Object cpu(const Files& files) {
  const std::string stat = files.text("cpu.stat");
  const bool v2 = !flat_value(stat, "usage_usec").empty();
  Object throttling;
  add(throttling, "periods", number(flat_value(stat, "nr_periods")));
  add(throttling, "throttledPeriods", number(flat_value(stat, "nr_throttled")));
  add(throttling, "throttledTime",
      v2 ? number(flat_value(stat, "throttled_usec")) * kNanosPerMicro
         : number(flat_value(stat, "throttled_time")));
  Object out{{"usage", cpu_usage(files, v2)}, {"throttling", std::move(throttling)}};
  add_pressure(files, "cpu.pressure", out);
  return out;
}

// "0-2,5" as [0,1,2,5]
Array cpu_list(std::string_view text) {
  constexpr uint64_t kMost = 8192;
  Array out;
  for (const std::string_view range : split(trim(text), ',')) {
    const size_t dash = range.find('-');
    const auto first = parse_number<uint64_t>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<uint64_t>(range.substr(dash + 1));
    if (!first || !last || *last >= kMost) continue;
    for (uint64_t i = *first; i <= *last; ++i) out.emplace_back(i);
  }
  return out;
}

Object cpuset(const Files& files) {
  Object out;
  if (Array cpus = cpu_list(files.text("cpuset.cpus")); !cpus.empty()) out.add("cpus", std::move(cpus));
  out.add("cpu_exclusive", files.value("cpuset.cpu_exclusive"));
  if (Array mems = cpu_list(files.text("cpuset.mems")); !mems.empty()) out.add("mems", std::move(mems));
  for (const char* name : {"mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
                           "memory_spread_slab", "memory_pressure", "sched_load_balance"})
    out.add(name, files.value(cat("cpuset.", name)));
  out.add("sched_relax_domain_level",
          parse_number<int64_t>(trim(files.text("cpuset.sched_relax_domain_level"))).value_or(0));
  return out;
}

Object entry(uint64_t limit, uint64_t usage, uint64_t most, uint64_t failures) {
  Object out{{"limit", limit}};
  add(out, "usage", usage);
  add(out, "max", most);
  out.add("failcnt", failures);
  return out;
}

Object memory_entry_v1(const Files& files, const std::string& prefix) {
  return entry(files.value(prefix + "limit_in_bytes"), files.value(prefix + "usage_in_bytes"),
               files.value(prefix + "max_usage_in_bytes"), files.value(prefix + "failcnt"));
}

// v2's file has the swap alone.
Object swap_v2(const Files& files, uint64_t limit, uint64_t usage) {
  const uint64_t swap_limit = files.value("memory.swap.max");
  const bool unlimited = std::max(limit, swap_limit) == std::numeric_limits<uint64_t>::max();
  return entry(unlimited ? std::numeric_limits<uint64_t>::max() : limit + swap_limit,
               usage + files.value("memory.swap.current"), 0, files.value("memory.swap.events", "max"));
}

Object raw(std::string_view stat) {
  Object out;
  for (const std::string_view line : split(stat, '\n')) {
    const size_t space = line.find(' ');
    if (space != std::string_view::npos && space > 0)
      out.set(line.substr(0, space), number(line.substr(space + 1)));
  }
  return out;
}

Object memory(const Files& files) {
  const bool v2 = files.has("memory.current");
  const std::string stat = files.text("memory.stat");
  Object out;
  add(out, "cache", number(flat_value(stat, v2 ? "file" : "cache")));
  if (v2) {
    const uint64_t limit = files.value("memory.max");
    const uint64_t usage = files.value("memory.current");
    out.add("usage", entry(limit, usage, files.value("memory.peak"), files.value("memory.events", "max")));
    out.add("swap", swap_v2(files, limit, usage));
    out.add("kernel", entry(0, number(flat_value(stat, "kernel")), 0, 0));
    out.add("kernelTCP", entry(0, number(flat_value(stat, "sock")), 0, 0));
  } else {
    out.add("usage", memory_entry_v1(files, "memory."));
    out.add("swap", memory_entry_v1(files, "memory.memsw."));
    out.add("kernel", memory_entry_v1(files, "memory.kmem."));
    out.add("kernelTCP", memory_entry_v1(files, "memory.kmem.tcp."));
  }
  if (Object all = raw(stat); !all.empty()) out.add("raw", std::move(all));
  add_pressure(files, "memory.pressure", out);
  return out;
}

Object pids(const Files& files) {
  Object out;
  add(out, "current", files.value("pids.current"));
  const std::string limit = files.text("pids.max");
  if (trim(limit) != "max") add(out, "limit", number(limit));
  return out;
}

Object blkio_entry(std::string_view device, std::string_view operation, uint64_t value) {
  Object out;
  const size_t colon = device.find(':');
  add(out, "major", number(device.substr(0, colon)));
  add(out, "minor", colon == std::string_view::npos ? 0 : number(device.substr(colon + 1)));
  if (!operation.empty()) out.add("op", operation);
  add(out, "value", value);
  return out;
}

// "8:0 Read 4096"; the line "Total 4096" has no device.
Array blkio_lines(std::string_view text) {
  Array out;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(trim(line), ' ');
    if (words.size() == 3) out.emplace_back(blkio_entry(words[0], words[1], number(words[2])));
    if (words.size() == 2 && words[0].find(':') != std::string_view::npos)
      out.emplace_back(blkio_entry(words[0], "", number(words[1])));
  }
  return out;
}

struct BlkioMember {
  const char* key;
  const char* file;
};
constexpr BlkioMember kBlkioMembers[] = {
    {"ioServiceBytesRecursive", "io_service_bytes_recursive"},
    {"ioServicedRecursive", "io_serviced_recursive"},
    {"ioQueueRecursive", "io_queued_recursive"},
    {"ioServiceTimeRecursive", "io_service_time_recursive"},
    {"ioWaitTimeRecursive", "io_wait_time_recursive"},
    {"ioMergedRecursive", "io_merged_recursive"},
    {"ioTimeRecursive", "time_recursive"},
    {"sectorsRecursive", "sectors_recursive"},
};

// BFQ counts what it schedules, the throttle layer everything: the first that has counted anything.
Array blkio_member_v1(const Files& files, const char* name) {
  for (const char* prefix : {"blkio.bfq.", "blkio.", "blkio.throttle."}) {
    Array lines = blkio_lines(files.text(cat(prefix, name)));
    if (!lines.empty()) return lines;
  }
  return {};
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6"
void add_io_stat(std::string_view text, Object& out) {
  Array bytes, operations;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(trim(line), ' ');
    for (const std::string_view word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view key = word.substr(0, equals);
      const std::string_view operation = key.starts_with('r')   ? "Read"
                                         : key.starts_with('w') ? "Write"
                                                                : "Discard";
      Array& list = key.ends_with("bytes") ? bytes : operations;
      list.emplace_back(blkio_entry(words[0], operation, number(word.substr(equals + 1))));
    }
  }
  if (!bytes.empty()) out.add("ioServiceBytesRecursive", std::move(bytes));
  if (!operations.empty()) out.add("ioServicedRecursive", std::move(operations));
}

Object blkio(const Files& files) {
  Object out;
  if (files.has("io.stat")) {
    add_io_stat(files.text("io.stat"), out);
    add_pressure(files, "io.pressure", out);
    return out;
  }
  for (const BlkioMember& member : kBlkioMembers) {
    if (Array lines = blkio_member_v1(files, member.file); !lines.empty())
      out.add(member.key, std::move(lines));
  }
  return out;
}

Object hugetlb(const Files& files, const std::vector<std::string>& page_sizes) {
  Object out;
  for (const std::string& size : page_sizes) {
    const std::string prefix = cat("hugetlb.", size, ".");
    const bool v2 = files.has(prefix + "current");
    if (!v2 && !files.has(prefix + "usage_in_bytes")) continue;
    Object one;
    add(one, "usage", files.value(prefix + (v2 ? "current" : "usage_in_bytes")));
    add(one, "max", v2 ? 0 : files.value(prefix + "max_usage_in_bytes"));
    one.add("failcnt", v2 ? files.value(prefix + "events", "max") : files.value(prefix + "failcnt"));
    out.add(size, std::move(one));
  }
  return out;
}

}  // namespace

json::Object cgroup_stats(const CurrentValue& read, const std::vector<std::string>& page_sizes) {
  const Files files(read);
  return {{"cpu", cpu(files)},   {"cpuset", cpuset(files)}, {"memory", memory(files)},
          {"pids", pids(files)}, {"blkio", blkio(files)},   {"hugetlb", hugetlb(files, page_sizes)}};
}

json::Array network_stats(std::string_view net_dev) {
  // "  eth0: RxBytes RxPackets RxErrors RxDropped fifo frame compressed multicast TxBytes …"
  constexpr std::pair<const char*, size_t> kColumns[] = {
      {"RxBytes", 0}, {"RxPackets", 1}, {"RxErrors", 2},  {"RxDropped", 3},
      {"TxBytes", 8}, {"TxPackets", 9}, {"TxErrors", 10}, {"TxDropped", 11},
  };
  Array out;
  for (const std::string_view line : split(net_dev, '\n')) {
    const size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    const Array values = numbers(line.substr(colon + 1));
    if (name == "lo" || values.size() < 12) continue;
    Object one{{"Name", name}};
    for (const auto& [key, column] : kColumns) one.add(key, values[column]);
    out.emplace_back(std::move(one));
  }
  return out;
}

std::string page_size_name(std::string_view sysfs_name) {
  constexpr std::string_view kPrefix = "hugepages-";
  if (!sysfs_name.starts_with(kPrefix) || !sysfs_name.ends_with("kB")) return "";
  const auto kilobytes =
      parse_number<uint64_t>(sysfs_name.substr(kPrefix.size(), sysfs_name.size() - kPrefix.size() - 2));
  if (!kilobytes) return "";
  if (*kilobytes >= 1u << 20) return cat(*kilobytes >> 20, "GB");
  if (*kilobytes >= 1u << 10) return cat(*kilobytes >> 10, "MB");
  return cat(*kilobytes, "KB");
}

}  // namespace crunlite::runtime
