// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_writer.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace crunlite::rootfs {
namespace {

using archive::EntryKind;
using archive::TarEntry;
using archive::TarReader;

constexpr mode_t kSpecialBits = S_ISUID | S_ISGID | S_ISVTX;
// A set-gid directory gives its group to what is made in it: directories get the bit at the end.
constexpr mode_t kInherited = S_ISGID;
constexpr size_t kMaxWarnings = 16;

// Long runs of zeros become holes: a bomb of zeros then costs time, not the disk.
bool all_zero(std::span<const char> data) {
  constexpr size_t kWorthAHole = 64u << 10;
  return data.size() >= kWorthAHole && data[0] == 0 &&
         std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
}

void write_at(int fd, std::span<const char> data, uint64_t offset) {
  while (!data.empty()) {
    const size_t step = check(sys::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)), "write");
    data = data.subspan(step);
    offset += step;
  }
}

mode_t node_type(EntryKind kind) {
  if (kind == EntryKind::kCharDevice) return S_IFCHR;
  return kind == EntryKind::kBlockDevice ? S_IFBLK : S_IFIFO;
}

}  // namespace

LayerWriter::LayerWriter(UniqueFd diff, UniqueFd scratch)
    : tree_(std::move(diff)), scratch_(std::move(scratch)) {}

void LayerWriter::write(TarEntry& entry, TarReader& reader) {
  ++meta_.entries;
  const EntryPlan plan = plan_entry(entry);
  for (const std::string& warning : plan.warnings) warn(warning);
  try {
    apply(plan, entry, reader);
  } catch (Error& error) {
    if (error.kind() == ErrorKind::kSystem) error.prepend(quote(entry.path));
    throw;
  }
}

void LayerWriter::apply(const EntryPlan& plan, const TarEntry& entry, TarReader& reader) {
  switch (plan.action) {
    case EntryAction::kRoot:
      return write_root(entry);
    case EntryAction::kDirectory:
      return write_directory(plan, entry);
    case EntryAction::kFile:
      return write_file(plan, entry, reader);
    case EntryAction::kSymlink:
      return write_link(plan, entry);
    case EntryAction::kHardLink:
      return write_hard_link(plan);
    case EntryAction::kNode:
      return write_node(plan, entry);
    case EntryAction::kWhiteout:
      return write_whiteout(plan.path);
    case EntryAction::kOpaque:
      return write_opaque(plan.path);
    case EntryAction::kSkip:
      return;
  }
}

int LayerWriter::vacant_parent(const TreePath& path) {
  const int parent = tree_.open_dir(path.parent);
  const auto found = tree_.make_room(parent, path.name, path.full(), false);
  return found == LayerTree::Found::kReplaced ? tree_.open_dir(path.parent) : parent;
}

void LayerWriter::write_root(const TarEntry& entry) {
  tree_.declare("");
  const UniqueFd root = check(sys::open_at(tree_.root(), ".", O_RDONLY | O_DIRECTORY), "open");
  set_attributes(root.get(), entry, entry.mode & ~kInherited, false);
  finish_later({}, entry);
}

void LayerWriter::write_directory(const EntryPlan& plan, const TarEntry& entry) {
  const std::string path = plan.path.full();
  const char* name = plan.path.name.c_str();
  int parent = tree_.open_dir(plan.path.parent);
  const sys::Status made = sys::mkdir_at(parent, name, entry.mode & 0777);
  bool is_new = made.ok();
  if (made.error() == EEXIST) {
    const auto found = tree_.make_room(parent, plan.path.name, path, true);
    if (found == LayerTree::Found::kReplaced) parent = tree_.open_dir(plan.path.parent);
    is_new = found != LayerTree::Found::kDirectory;
    if (is_new) check(sys::mkdir_at(parent, name, entry.mode & 0777), "create directory");
    if (found == LayerTree::Found::kWhiteout) LayerTree::make_opaque(parent, name);
  } else {
    check(made, "create directory");
  }
  tree_.declare(path);
  if (!is_new || owner_differs(entry) || (entry.mode & kSpecialBits) || !entry.xattrs.empty()) {
    const UniqueFd dir = check(sys::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open");
    set_attributes(dir.get(), entry, entry.mode & ~kInherited, is_new);
  }
  finish_later(plan.path, entry);
}

void LayerWriter::write_file(const EntryPlan& plan, const TarEntry& entry, TarReader& reader) {
  constexpr int kNewFile = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const char* name = plan.path.name.c_str();
  sys::Result<UniqueFd> made =
      sys::open_at(tree_.open_dir(plan.path.parent), name, kNewFile, entry.mode & 0777);
  if (made.error() == EEXIST)
    made = sys::open_at(vacant_parent(plan.path), name, kNewFile, entry.mode & 0777);
  const UniqueFd file = check(std::move(made), "create file");
  uint64_t end = 0;
  while (const auto block = reader.read_block()) {
    if (all_zero(block->data)) continue;
    write_at(file.get(), block->data, block->offset);
    end = block->offset + block->data.size();
  }
  if (end < entry.size) check(sys::ftruncate(file.get(), static_cast<off_t>(entry.size)), "set the size");
  meta_.size += entry.size;
  set_attributes(file.get(), entry, entry.mode, true);
  check(sys::set_times(file.get(), entry.mtime, entry.mtime), "set the times");
}

void LayerWriter::write_link(const EntryPlan& plan, const TarEntry& entry) {
  const int parent = vacant_parent(plan.path);
  check(sys::symlink_at(entry.link_target.c_str(), parent, plan.path.name.c_str()), "create link");
  set_link_attributes(parent, plan.path.name, entry);
}

void LayerWriter::write_node(const EntryPlan& plan, const TarEntry& entry) {
  const int parent = vacant_parent(plan.path);
  const char* name = plan.path.name.c_str();
  const mode_t mode = entry.mode & 0777;
  check(sys::mknod_at(parent, name, node_type(entry.kind) | mode,
                      makedev(entry.device_major, entry.device_minor)),
        "create device or fifo");
  set_link_attributes(parent, plan.path.name, entry);
  if (entry.mode & kSpecialBits) check(sys::chmod_at(parent, name, entry.mode), "set the mode");
}

void LayerWriter::write_hard_link(const EntryPlan& plan) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::kIntegrity, quote(plan.path.full()), ": hard link to ", quote(plan.link.full()),
                ": ", why);
  };
  // linkat(2) follows nothing, and no link may stand on the way: the target is an inode made from this
  // archive.
  const auto find_target = [&] { return tree_.find_dir(plan.link.parent); };
  const int target_dir = find_target();
  if (target_dir < 0) refuse("its directory is not in this layer");
  const auto target = sys::stat_at(target_dir, plan.link.name.c_str(), AT_SYMLINK_NOFOLLOW);
  if (!target.ok() && target.error() == ENOENT) refuse("the target is not in this layer");
  check(target.status(), "stat the target");
  if (S_ISDIR(target->st_mode)) refuse("the target is a directory");
  if (LayerTree::is_whiteout(*target)) refuse("the target is a whiteout");
  const UniqueFd parent = check(sys::dup(vacant_parent(plan.path)), "keep the directory");
  const int from = find_target();  // making room may have closed it, or removed it
  if (from < 0) refuse("its directory is not in this layer");
  check(sys::link_at(from, plan.link.name.c_str(), parent.get(), plan.path.name.c_str(), 0),
        "create hard link to ", quote(plan.link.full()));
}

void LayerWriter::write_whiteout(const TreePath& path) {
  const int parent = tree_.open_dir(path.parent);
  const auto st = sys::stat_at(parent, path.name.c_str(), AT_SYMLINK_NOFOLLOW);
  if (st.ok()) {
    // A whiteout is about the layers below, wherever it stands in the archive: this layer's own stays.
    if (S_ISDIR(st->st_mode)) LayerTree::make_opaque(parent, path.name.c_str());
    return;
  }
  check(sys::mknod_at(parent, path.name.c_str(), S_IFCHR, makedev(0, 0)), "create whiteout");
}

void LayerWriter::write_opaque(const TreePath& path) {
  if (path.parent.empty()) meta_.opaque_root = true;
  LayerTree::make_opaque(tree_.open_dir(path.parent), ".");
}

void LayerWriter::set_attributes(int fd, const TarEntry& entry, mode_t mode, bool is_new) {
  const bool chown = !is_new || owner_differs(entry);
  if (chown) check(sys::fchown(fd, entry.uid, entry.gid), "set the owner to ", entry.uid, ":", entry.gid);
  // After chown(2), which takes set-uid, set-gid and file capabilities away.
  if (!is_new || (mode & kSpecialBits)) check(sys::fchmod(fd, mode), "set the mode");
  for (const auto& [name, value] : entry.xattrs) set_xattr(fd, entry, name, value);
}

void LayerWriter::set_xattr(int fd, const TarEntry& entry, const std::string& name,
                            const std::string& value) {
  const sys::Status set = sys::set_xattr(fd, name.c_str(), value);
  if (set.error() == EOPNOTSUPP)
    return warn(cat(quote(entry.path), ": this file system has no extended attribute ", printable(name)));
  check(set, "set the extended attribute ", printable(name));
}

void LayerWriter::set_link_attributes(int parent, const std::string& name, const TarEntry& entry) {
  if (owner_differs(entry)) check(sys::chown_at(parent, name.c_str(), entry.uid, entry.gid), "set the owner");
  if (!entry.xattrs.empty()) check(sys::fchdir(parent), "enter the directory");
  for (const auto& [key, value] : entry.xattrs) {
    // user.* cannot be on links and devices (xattr(7)): EPERM, and nothing that a container could see is
    // lost.
    const sys::Status set = sys::set_link_xattr(name.c_str(), key.c_str(), value);
    if (set.error() == EPERM || set.error() == EOPNOTSUPP) {
      warn(cat(quote(entry.path), ": the extended attribute ", printable(key), " was left out"));
    } else {
      check(set, "set the extended attribute ", printable(key));
    }
  }
  check(sys::set_times_at(parent, name.c_str(), entry.mtime, entry.mtime), "set the times");
}

void LayerWriter::warn(std::string warning) {
  if (warnings_.size() < kMaxWarnings) warnings_.push_back(std::move(warning));
  ++warning_count_;
}

}  // namespace crunlite::rootfs
