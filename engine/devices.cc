// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include <sys/sysmacros.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "engine/values.h"

namespace crunlite::engine {
namespace {

constexpr std::string_view kOwnInEveryContainer[] = {"pts", "shm",  "mqueue",   "console",
                                                     "fd",  "core", "hugepages"};
constexpr int kMostDepth = 8;

struct DeviceFlag {
  std::string host;
  std::string container;
  std::string access = "rwm";
};

bool is_access(std::string_view text) {
  return !text.empty() && text.size() <= 3 && text.find_first_not_of("rwm") == std::string_view::npos;
}

DeviceFlag parse_flag(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  DeviceFlag flag{.host = clean_path(parts[0]), .container = clean_path(parts[0])};
  if (parts.size() > 3 || !parts[0].starts_with('/')) {
    throw Error(ErrorKind::kUsage, "invalid device specification: ", printable(text));
  }
  if (parts.size() == 2 && is_access(parts[1])) {
    flag.access = parts[1];
  } else if (parts.size() >= 2) {
    flag.container = clean_path(parts[1]);
  }
  if (parts.size() == 3) {
    if (!is_access(parts[2])) throw Error(ErrorKind::kUsage, "invalid device mode: ", printable(parts[2]));
    flag.access = parts[2];
  }
  return flag;
}

bool is_device(const struct stat& info) {
  return S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode);
}

void add_device(const struct stat& info, const std::string& path, const std::string& access,
                ChosenDevices& out) {
  const bool block = S_ISBLK(info.st_mode);
  oci::Device device{.type = block ? oci::DeviceType::kBlock : oci::DeviceType::kCharacter, .path = path};
  device.major = ::major(info.st_rdev);
  device.minor = ::minor(info.st_rdev);
  device.file_mode = info.st_mode & 07777;
  device.uid = info.st_uid;
  device.gid = info.st_gid;
  out.rules.push_back({true, block ? 'b' : 'c', device.major, device.minor, access});
  out.devices.push_back(std::move(device));
}

// Nodes below `dir`, links not followed: what they point at stands in the list itself.
void add_directory(const DeviceFlag& flag, int depth, ChosenDevices& out) {
  if (depth > kMostDepth) return;
  const UniqueFd dir =
      check(sys::open_at(AT_FDCWD, flag.host.c_str(), O_RDONLY | O_DIRECTORY), "open ", flag.host);
  for (const std::string& name : list_dir(AT_FDCWD, flag.host)) {
    const bool own = depth == 0 && flag.host == "/dev" &&
                     std::find(std::begin(kOwnInEveryContainer), std::end(kOwnInEveryContainer), name) !=
                         std::end(kOwnInEveryContainer);
    const sys::Result<struct stat> info = sys::stat_at(dir.get(), name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (own || !info.ok()) continue;  // gone since: hot-plugging
    const DeviceFlag inside{cat(flag.host, '/', name), cat(flag.container, '/', name), flag.access};
    if (S_ISDIR(info->st_mode)) add_directory(inside, depth + 1, out);
    if (is_device(*info)) add_device(*info, inside.container, flag.access, out);
  }
}

}  // namespace

ChosenDevices choose_devices(const std::vector<std::string>& flags) {
  ChosenDevices out;
  for (const std::string& text : flags) {
    const DeviceFlag flag = parse_flag(text);
    const sys::Result<struct stat> info = sys::stat_at(AT_FDCWD, flag.host.c_str(), 0);
    if (!info.ok()) {
      throw Error(ErrorKind::kUsage, "error gathering device information while adding custom device ",
                  quote(flag.host), ": ", error_text(info.error()));
    }
    if (S_ISDIR(info->st_mode)) {
      const size_t before = out.devices.size();
      add_directory(flag, 0, out);
      if (out.devices.size() == before) {
        throw Error(ErrorKind::kUsage, "error gathering device information while adding custom device ",
                    quote(flag.host), ": no device nodes in that directory");
      }
    } else if (is_device(*info)) {
      add_device(*info, flag.container, flag.access, out);
    } else {
      throw Error(ErrorKind::kUsage, "error gathering device information while adding custom device ",
                  quote(flag.host), ": not a device node");
    }
  }
  return out;
}

ChosenDevices all_host_devices() {
  ChosenDevices out;
  add_directory({"/dev", "/dev", "rwm"}, 0, out);
  return out;
}

}  // namespace crunlite::engine
