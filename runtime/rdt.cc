// SPDX-License-Identifier: Apache-2.0
#include "runtime/rdt.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr size_t kFileLimit = 1u << 20;

std::string class_path(const RdtPlan& plan) {
  return plan.class_name.empty() ? plan.root : cat(plan.root, "/", plan.class_name);
}

std::string monitor_path(const RdtPlan& plan) {
  return cat(class_path(plan), "/mon_groups/", plan.id);
}

UniqueFd open_group(const std::string& path) {
  return check(sys::open_at(AT_FDCWD, path.c_str(), kDirectory), "open the resctrl group ", path);
}

sys::Status write_group_file(int dir, const char* file, std::string_view text) {
  const sys::Result<UniqueFd> opened = sys::open_at(dir, file, O_WRONLY | O_TRUNC | O_NOFOLLOW);
  if (!opened.ok()) return opened.status();
  return sys::write_all(opened->get(), text);
}

std::string read_group_file(int dir, const char* file) {
  return read_file(dir, file, kFileLimit);
}

// resctrl says in words what was wrong with the last write.
std::string last_status(const std::string& root) {
  try {
    return std::string(trim(read_file(AT_FDCWD, cat(root, "/info/last_cmd_status"), kFileLimit)));
  } catch (const Error&) {
    return "";
  }
}

void set_schemata(const RdtPlan& plan, const std::vector<std::string>& lines) {
  const std::string path = class_path(plan);
  const UniqueFd dir = open_group(path);
  const sys::Status written = write_group_file(dir.get(), "schemata", join(lines, "\n") + "\n");
  if (written.ok()) return;
  SysError error(written.error(), "write ", quote(join(lines, "; ")), " to ", path, "/schemata");
  error.with_remedy(last_status(plan.root));
  throw error;
}

// "L3:0=f;1=0f" as {"L3", {{"0","f"},{"1","f"}}}: blanks, case and leading zeros make no difference.
struct Line {
  std::string resource;
  std::map<std::string, std::string> domains;
};
Line parse_line(std::string_view text) {
  std::string plain = to_lower(text);
  std::erase_if(plain, [](char c) { return c == ' ' || c == '\t'; });
  const std::string_view view = plain;
  const size_t colon = view.find(':');
  Line line{.resource = std::string(view.substr(0, colon))};
  if (colon == std::string_view::npos) return line;
  for (const std::string_view part : split(view.substr(colon + 1), ';')) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view value = part.substr(equals + 1);
    while (value.size() > 1 && value.front() == '0') value.remove_prefix(1);
    line.domains[std::string(part.substr(0, equals))] = value;
  }
  return line;
}

void add_lines(std::string_view text, bool without_bandwidth, std::vector<std::string>& out) {
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    if (!line.empty() && !(without_bandwidth && line.starts_with("MB:"))) out.emplace_back(line);
  }
}

void check_class_name(const std::string& name) {
  if (name == "/") return;
  if (name == "." || name == ".." || name == "info" || name == "mon_groups" || name == "mon_data" ||
      name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    throw Error(ErrorKind::kConfig, "linux.intelRdt.closID: ", quote(name), " is not the name of a class")
        .with_remedy("a name without slashes, or \"/\" for the root class");
}

bool exists(const std::string& path) {
  return sys::stat_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW).ok();
}

// True when it was made, false when it was there.
bool make_group(const std::string& path, const Rdt::Populate& populate) {
  const sys::Status made = sys::mkdir_at(AT_FDCWD, path.c_str(), 0755);
  if (made.error() == EEXIST) return false;
  if (made.error() == ENOSPC) {
    throw Error(ErrorKind::kUnsupported, "create the resctrl group ", path, ": the CPU has no more classes")
        .with_remedy("see num_closids and num_rmids in the info directory of resctrl; share a closID");
  }
  check(made, "create the resctrl group ", path);
  if (populate) populate(open_group(path).get());
  return true;
}

void join_group(const std::string& path, pid_t pid) {
  check(write_group_file(open_group(path).get(), "tasks", cat(pid)), "move process ", pid, " to ", path);
}

std::string lines_of(std::string_view schemata, std::string_view resource) {
  std::string out;
  for (const std::string_view raw : split(schemata, '\n')) {
    const std::string_view line = trim(raw);
    if (line.starts_with(resource)) out += cat(out.empty() ? "" : "\n", line);
  }
  return out;
}

}  // namespace

json::Value encode_rdt_plan(const RdtPlan& plan) {
  return json::Object{{"root", plan.root},
                      {"id", plan.id},
                      {"class", plan.class_name},
                      {"classExisted", plan.class_existed},
                      {"monitoring", plan.monitoring}};
}

RdtPlan decode_rdt_plan(const json::Reader& reader) {
  return RdtPlan{.root = reader.require<std::string>("root"),
                 .id = reader.require<std::string>("id"),
                 .class_name = reader.get<std::string>("class", ""),
                 .class_existed = reader.get("classExisted", true),
                 .monitoring = reader.get("monitoring", false)};
}

std::optional<std::string> resctrl_mount(std::string_view mountinfo) {
  const std::vector<std::string> mounts = mount_points_of(mountinfo, {"resctrl"});
  if (mounts.empty()) return std::nullopt;
  return mounts.back();
}

std::vector<std::string> rdt_schemata(const oci::IntelRdt& rdt) {
  std::vector<std::string> lines;
  add_lines(rdt.l3_cache_schema, !rdt.mem_bw_schema.empty(), lines);
  add_lines(rdt.mem_bw_schema, false, lines);
  for (const std::string& entry : rdt.schemata) add_lines(entry, false, lines);
  return lines;
}

bool rdt_schemata_match(std::string_view present, const std::vector<std::string>& wanted) {
  std::map<std::string, std::map<std::string, std::string>> have;
  for (const std::string_view raw : split(present, '\n')) {
    Line line = parse_line(raw);
    have[line.resource].merge(line.domains);
  }
  return std::ranges::all_of(wanted, [&](const std::string& text) {
    const Line line = parse_line(text);
    const auto& domains = have[line.resource];
    return std::ranges::all_of(line.domains, [&](const auto& domain) {
      const auto found = domains.find(domain.first);
      return found != domains.end() && found->second == domain.second;
    });
  });
}

RdtPlan plan_rdt(const std::optional<oci::IntelRdt>& rdt, const std::string& id, const Proc& proc) {
  if (!rdt) return {};
  constexpr size_t kMountinfoLimit = 64u << 20;
  const UniqueFd file = check(proc.open_file("self/mountinfo", O_RDONLY), "open self/mountinfo");
  const std::optional<std::string> root = resctrl_mount(read_fd(file.get(), "mountinfo", kMountinfoLimit));
  if (!root)
    throw Error(ErrorKind::kUnsupported,
                "linux.intelRdt needs the resctrl file system, which is not mounted here")
        .with_remedy(
            "mount -t resctrl resctrl /sys/fs/resctrl: that takes a CPU with Intel RDT or AMD QoS and a "
            "kernel with CONFIG_X86_CPU_RESCTRL");
  return plan_rdt_at(*root, *rdt, id);
}

RdtPlan plan_rdt_at(const std::string& root, const oci::IntelRdt& rdt, const std::string& id) {
  check_class_name(rdt.clos_id);
  RdtPlan plan{.root = root, .id = id, .monitoring = rdt.enable_monitoring};
  plan.class_name = rdt.clos_id == "/" ? "" : rdt.clos_id.empty() ? id : rdt.clos_id;
  plan.class_existed = exists(class_path(plan));
  if (!plan.class_existed && !rdt.clos_id.empty() && rdt_schemata(rdt).empty())
    throw Error(ErrorKind::kConfig, "linux.intelRdt.closID: there is no class ", quote(rdt.clos_id), " in ",
                root)
        .with_remedy("make it first, or give the schemata to make it with");
  return plan;
}

Rdt Rdt::create(const RdtPlan& plan, const oci::IntelRdt& rdt, const Populate& populate) {
  Rdt out;
  out.plan_ = plan;
  if (!plan.used()) return out;
  out.armed_ = true;
  const std::string path = class_path(plan);
  const std::vector<std::string> wanted = rdt_schemata(rdt);
  const bool made = !plan.class_name.empty() && make_group(path, populate);
  if (!made) out.plan_.class_existed = true;  // somebody else's, perhaps since a moment ago
  if (made && !wanted.empty()) set_schemata(plan, wanted);
  if (!made && !rdt_schemata_match(read_group_file(open_group(path).get(), "schemata"), wanted))
    throw Error(ErrorKind::kConfig, "linux.intelRdt: the class ", path,
                " has other schemata than the bundle asks for")
        .with_remedy("use another closID, or the schemata that the class has");
  if (plan.monitoring) (void)make_group(monitor_path(plan), populate);
  return out;
}

Rdt::Rdt(Rdt&& other) noexcept : plan_(std::move(other.plan_)), armed_(std::exchange(other.armed_, false)) {}

Rdt& Rdt::operator=(Rdt&& other) noexcept {
  std::swap(plan_, other.plan_);
  std::swap(armed_, other.armed_);
  return *this;
}

Rdt::~Rdt() {
  if (!armed_) return;
  try {
    remove_rdt(plan_);
  } catch (const Error& error) {
    log::warning(error.what());
  }
}

void Rdt::join(pid_t pid) const {
  if (!plan_.used()) return;
  join_group(class_path(plan_), pid);
  if (plan_.monitoring) join_group(monitor_path(plan_), pid);
}

void enter_rdt(const RdtPlan& plan, pid_t pid) {
  if (!plan.used()) return;
  if (exists(class_path(plan))) join_group(class_path(plan), pid);
  if (plan.monitoring && exists(monitor_path(plan))) join_group(monitor_path(plan), pid);
}

std::string update_rdt(const RdtPlan& plan, const std::vector<std::string>& lines) {
  if (!plan.used())
    throw Error(ErrorKind::kUnsupported,
                "the container has no class of service to change: it was created without ", "linux.intelRdt");
  std::string before = read_group_file(open_group(class_path(plan)).get(), "schemata");
  set_schemata(plan, lines);
  return before;
}

void write_rdt_schemata(const RdtPlan& plan, std::string_view text) {
  (void)write_group_file(open_group(class_path(plan)).get(), "schemata", text);
}

json::Object rdt_stats(const RdtPlan& plan) {
  json::Object out;
  if (!plan.used()) return out;
  try {
    const std::string schemata = read_group_file(open_group(class_path(plan)).get(), "schemata");
    if (std::string l3 = lines_of(schemata, "L3"); !l3.empty()) out.add("l3_cache_schema", std::move(l3));
    if (std::string mb = lines_of(schemata, "MB"); !mb.empty()) out.add("mem_bw_schema", std::move(mb));
    if (!plan.monitoring) return out;
    json::Array bandwidth, occupancy;
    const std::string data = monitor_path(plan) + "/mon_data";
    for (const std::string& domain : list_dir(AT_FDCWD, data)) {
      const auto value = [&](const char* file) {
        const std::string path = cat(data, "/", domain, "/", file);
        if (!exists(path)) return uint64_t{0};
        return parse_number<uint64_t>(trim(read_file(AT_FDCWD, path, kFileLimit))).value_or(0);
      };
      bandwidth.emplace_back(json::Object{{"mbm_total_bytes", value("mbm_total_bytes")},
                                          {"mbm_local_bytes", value("mbm_local_bytes")}});
      occupancy.emplace_back(json::Object{{"llc_occupancy", value("llc_occupancy")}});
    }
    out.add("mbm_stats", std::move(bandwidth));
    out.add("cmt_stats", std::move(occupancy));
  } catch (const Error&) {
    // The groups have just gone, or the hardware has nothing to say.
  }
  return out;
}

void remove_rdt(const RdtPlan& plan) {
  if (!plan.used()) return;
  const auto remove = [](const std::string& path) {
    const sys::Status removed = sys::unlink_at(AT_FDCWD, path.c_str(), AT_REMOVEDIR);
    if (removed.error() != ENOENT) check(removed, "remove the resctrl group ", path);
  };
  if (plan.monitoring) remove(monitor_path(plan));
  if (!plan.class_existed && !plan.class_name.empty()) remove(class_path(plan));
}

}  // namespace crunlite::runtime
