// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu_image.h"

#include <sched.h>

#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mountinfo.h"
#include "oci/annotations.h"

namespace crunlite::runtime {
namespace {

constexpr const char* kDescriptors = "descriptors.json";
constexpr size_t kMostDescriptors = 64u << 10;
constexpr size_t kMostMountinfo = 64u << 20;
constexpr mode_t kPrivate = 0700;

CriuImage image_with(UniqueFd directory, const CriuSettings& settings, std::string log_file) {
  CriuImage image{
      .directory = std::move(directory), .work = {}, .log_file = std::move(log_file), .log_path = {}};
  if (!settings.work_path.empty())
    image.work = with_context("work path", [&] { return make_own_dirs(settings.work_path, kPrivate); });
  image.log_path = cat(image.work.valid() ? settings.work_path : settings.image_path, "/", image.log_file);
  return image;
}

// "pipe:[4711]"
bool is_pipe(std::string_view key) {
  constexpr std::string_view kPrefix = "pipe:[";
  if (!key.starts_with(kPrefix) || !key.ends_with(']')) return false;
  return parse_number<uint64_t>(key.substr(kPrefix.size(), key.size() - kPrefix.size() - 1)).has_value();
}

void append_hex(std::string& out, uint64_t value) {
  char digits[17];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16);
  out.append(digits, end.ptr);
}

uint64_t mount_of(const Proc& proc, const std::string& process_fd) {
  const sys::Result<UniqueFd> file = proc.open_file(process_fd.c_str(), O_RDONLY);
  if (!file.ok()) return 0;
  for (const std::string& text = read_fd(file->get(), process_fd, 4096);
       const std::string_view line : split(text, '\n')) {
    constexpr std::string_view kName = "mnt_id:";
    if (line.starts_with(kName)) return parse_number<uint64_t>(trim(line.substr(kName.size()))).value_or(0);
  }
  return 0;
}

// criu's name for a file that is open in the container and lies on none of its mounts.
std::string external_file(const Proc& proc, pid_t pid, int fd, std::string_view mountinfo) {
  const sys::Result<struct stat> st = sys::stat_at(proc.fd(), cat(pid, "/fd/", fd).c_str(), 0);
  if (!st.ok() || !(S_ISREG(st->st_mode) || S_ISCHR(st->st_mode))) return {};
  const uint64_t mount = mount_of(proc, cat(pid, "/fdinfo/", fd));
  if (mount == 0 || !filesystem_of_mount(mountinfo, mount).empty()) return {};
  std::string key = "file[";
  append_hex(key, mount);
  key += ':';
  append_hex(key, st->st_ino);
  return key + ']';
}

std::string link_of(const Proc& proc, pid_t pid, int fd) {
  char text[PATH_MAX];
  const sys::Result<size_t> size =
      sys::readlink_at(proc.fd(), cat(pid, "/fd/", fd).c_str(), text, sizeof text);
  return size.ok() ? valid_utf8(std::string_view(text, *size)) : "";
}

}  // namespace

void CriuImage::describe_in(CriuOptions& options) const {
  options.images_dir_fd = directory.get();
  if (work.valid()) options.work_dir_fd = work.get();
  options.log_file = log_file;
}

CriuImage make_image(const CriuSettings& settings) {
  UniqueFd directory =
      with_context("image path", [&] { return make_own_dirs(settings.image_path, kPrivate); });
  return image_with(std::move(directory), settings, "dump.log");
}

CriuImage open_image(const CriuSettings& settings) {
  UniqueFd directory = check(sys::open_at(AT_FDCWD, settings.image_path.c_str(), O_RDONLY | O_DIRECTORY),
                             "open image path ", settings.image_path);
  return image_with(std::move(directory), settings, "restore.log");
}

void check_parent_path(const CriuImage& image, const std::string& path) {
  if (path.starts_with('/'))
    throw Error(ErrorKind::kUsage, "--parent-path must be relative (to the image path): ", path);
  const sys::Result<struct stat> st = sys::stat_at(image.directory.get(), path.c_str(), 0);
  const int error = !st.ok() ? st.error() : S_ISDIR(st->st_mode) ? 0 : ENOTDIR;
  if (error) throw SysError(error, "invalid --parent-path: ", path, " in the image path");
}

CriuOptions criu_options(const CriuSettings& settings, const Record& record, const CriuImage& image) {
  CriuOptions out;
  image.describe_in(out);
  out.tcp_established = settings.tcp_established;
  out.ext_unix_sk = settings.ext_unix_sk;
  out.shell_job = settings.shell_job;
  out.file_locks = settings.file_locks;
  out.auto_dedup = settings.auto_dedup;
  out.lazy_pages = settings.lazy_pages;
  out.cgroup_mode = settings.cgroup_mode;
  out.notify_scripts = true;
  out.orphan_pts_master = true;
  // Devices, addresses and routes are not the runtime's: hooks or the caller make them again.
  out.empty_namespaces = CLONE_NEWNET;
  // An annotation that is there and empty says: no file.
  const auto named = record.annotations.find(std::string(oci::kCriuConfig));
  out.config_file = named == record.annotations.end() ? settings.config_file : named->second;
  return out;
}

void throw_criu_failure(const CriuAnswer& answer, CriuCall call, const CriuImage& image) {
  const std::string errors = criu_errors(image.log_directory(), image.log_file);
  std::string text = cat("criu failed to ", criu_call_name(call));
  if (answer.error) text += cat(": ", error_text(answer.error));
  if (!answer.message.empty()) text += cat(": ", printable(answer.message));
  if (!errors.empty()) text += cat(": ", errors);
  throw Error(ErrorKind::kSystem, text).with_remedy(cat("the whole log is ", image.log_path));
}

std::vector<std::string> descriptor_keys(const Record& record, const Proc& proc) {
  const pid_t pid = record.init.pid;
  const UniqueFd file =
      check(sys::open_at(proc.fd(), cat(pid, "/mountinfo").c_str(), O_RDONLY), "read the container's mounts");
  const std::string mountinfo = read_fd(file.get(), "mountinfo", kMostMountinfo);
  std::vector<std::string> keys;
  for (int fd = 0; fd < 3; ++fd) {
    const auto index = static_cast<size_t>(fd);
    // As they were at the beginning: the init may have put something else there, while its children go on
    // with them.
    if (index < record.stdio.size() && is_pipe(record.stdio[index])) {
      keys.push_back(record.stdio[index]);
      continue;
    }
    std::string external = external_file(proc, pid, fd, mountinfo);
    keys.push_back(external.empty() ? link_of(proc, pid, fd) : std::move(external));
  }
  return keys;
}

// "file[1d:5f3]"
bool is_external_file(const std::string& key) {
  constexpr std::string_view kPrefix = "file[";
  return key.starts_with(kPrefix) && key.ends_with(']') &&
         key.find_first_not_of("0123456789abcdef:", kPrefix.size()) == key.size() - 1;
}

void write_descriptors(const CriuImage& image, const std::vector<std::string>& keys) {
  with_context(kDescriptors, [&] {
    write_file_atomic(image.directory.get(), kDescriptors, json::dump(json::Array(keys.begin(), keys.end())),
                      0600, Durability::kRename);
  });
}

std::vector<CriuInheritedFd> read_descriptors(const CriuImage& image) {
  const json::Value document = with_context("the image is not that of a container", [&] {
    return json::parse(read_file(image.directory.get(), kDescriptors, kMostDescriptors), kDescriptors);
  });
  std::vector<std::string> problems;
  const auto keys = json::Reader(document, problems).as<std::vector<std::string>>({});
  if (problems.empty() && keys.size() > 3) problems.emplace_back("more than three descriptors");
  if (!problems.empty()) throw Error(ErrorKind::kConfig, kDescriptors, ": ", problems[0]);
  std::vector<CriuInheritedFd> out;
  for (size_t i = 0; i < keys.size(); ++i)
    if (is_pipe(keys[i]) || is_external_file(keys[i])) out.push_back({keys[i], static_cast<int>(i)});
  return out;
}

}  // namespace crunlite::runtime
