// SPDX-License-Identifier: Apache-2.0
#include "engine/volumes.h"

#include <sys/file.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "engine/tree_copy.h"

namespace crunlite::engine {
namespace {

oci::Mount bind_mount(const std::string& source, const Volume& volume) {
  oci::Mount mount{.destination = volume.destination, .type = "bind", .source = source};
  mount.options = {"rbind", volume.readonly ? "ro" : "rw", volume.propagation};
  return mount;
}

bool is_mounted_over(const RunOptions& options, const std::string& destination) {
  const auto same = [&](const auto& mount) { return mount.destination == destination; };
  return std::any_of(options.volumes.begin(), options.volumes.end(), same) ||
         std::any_of(options.tmpfs.begin(), options.tmpfs.end(), same);
}

// -v and then the image's own, unless something is mounted at the same place anyway.
std::vector<Volume> all_volumes(const VolumeRequest& request) {
  std::vector<Volume> out = request.options.volumes;
  for (const std::string& path : request.image.config.volumes) {
    const std::string destination = clean_path(path);
    if (destination == "/") throw Error(ErrorKind::kConfig, "the image declares \"/\" as a volume");
    if (!is_mounted_over(request.options, destination)) out.push_back({.destination = destination});
  }
  for (size_t i = 0; i < request.options.volumes.size(); ++i) {
    const auto same = [&](const Volume& volume) { return volume.destination == out[i].destination; };
    if (std::count_if(out.begin(), out.end(), same) > 1) {
      throw Error(ErrorKind::kUsage, "Duplicate mount point: ", printable(out[i].destination));
    }
  }
  return out;
}

void make_missing_host_directory(const std::string& path) {
  const sys::Result<struct stat> info = sys::stat_at(AT_FDCWD, path.c_str(), 0);
  if (info.ok()) return;
  if (info.error() != ENOENT) check(info.status(), "look at ", path);
  make_own_dirs(path, 0755);
}

// What the image has at the volume's place; nothing when that is no directory.
UniqueFd image_content(const RootedDir& rootfs, const std::string& destination) {
  sys::Result<UniqueFd> dir = rootfs.open(destination.c_str(), O_RDONLY | O_DIRECTORY);
  if (!dir.ok() && (dir.error() == ENOENT || dir.error() == ENOTDIR)) return UniqueFd();
  return check(std::move(dir), "open ", destination, " of the image");
}

// `path` belongs to crun-lite. Two containers that start with the same new volume fill it one after the
// other, and the second finds it filled.
void fill_if_empty(const std::string& path, const Volume& volume, const RootedDir& rootfs) {
  const UniqueFd target = make_own_dirs(path, 0755);
  if (!volume.copy_from_image) return;
  check(sys::flock(target.get(), LOCK_EX), "lock ", path);
  if (!list_dir(target.get(), ".").empty()) return;
  const UniqueFd source = image_content(rootfs, volume.destination);
  if (!source.valid()) return;
  with_context(cat("copy ", volume.destination, " of the image into its volume"),
               [&] { copy_tree(source.get(), target.get()); });
}

}  // namespace

std::vector<oci::Mount> prepare_volumes(const VolumeRequest& request) {
  std::vector<oci::Mount> out;
  size_t anonymous = 0;
  for (const Volume& volume : all_volumes(request)) {
    if (volume.is_bind()) {
      make_missing_host_directory(volume.source);
      out.push_back(bind_mount(volume.source, volume));
      continue;
    }
    const std::string path = volume.source.empty()
                                 ? cat(request.container_dir, "/volumes/", anonymous++)
                                 : cat(request.store_root, "/volumes/", volume.source, "/_data");
    fill_if_empty(path, volume, request.rootfs);
    out.push_back(bind_mount(path, volume));
  }
  return out;
}

}  // namespace crunlite::engine
