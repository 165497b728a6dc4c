// SPDX-License-Identifier: Apache-2.0
// The directories' times of LayerWriter. They wait in a scratch file, not in memory: a layer may have
// millions of directories.
#include <cstring>

#include "archive/byte_source.h"
#include "base/error.h"
#include "rootfs/layer_writer.h"

namespace crunlite::rootfs {
namespace {

constexpr size_t kFlushAt = 256u << 10;

struct Record {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  uint32_t mode = 0;
  uint32_t path_size = 0;  // the path's bytes follow
};

// Reads records back through a small window.
class RecordReader {
 public:
  explicit RecordReader(int fd) : source_(fd, "the list of directories") {}

  bool next(Record& record, std::string& path) {
    if (!fill(sizeof record)) return false;
    std::memcpy(&record, window_.data() + used_, sizeof record);
    used_ += sizeof record;
    if (!fill(record.path_size)) throw Error(ErrorKind::kSystem, "the list of directories is cut short");
    path.assign(window_, used_, record.path_size);
    used_ += record.path_size;
    return true;
  }

 private:
  bool fill(size_t wanted) {
    while (window_.size() - used_ < wanted) {
      window_.erase(0, used_);
      used_ = 0;
      const size_t have = window_.size();
      window_.resize(have + kFlushAt);
      const size_t got = source_.read({window_.data() + have, kFlushAt});
      window_.resize(have + got);
      if (got == 0) return false;
    }
    return true;
  }

  archive::FileSource source_;
  std::string window_;
  size_t used_ = 0;
};

}  // namespace

void LayerWriter::finish_later(const TreePath& path, const archive::TarEntry& entry) {
  const std::string full = path.full();
  const Record record{.seconds = entry.mtime.tv_sec,
                      .nanoseconds = entry.mtime.tv_nsec,
                      .mode = entry.mode,
                      .path_size = static_cast<uint32_t>(full.size())};
  pending_.append(reinterpret_cast<const char*>(&record), sizeof record);
  pending_ += full;
  if (pending_.size() >= kFlushAt) flush_pending();
}

void LayerWriter::flush_pending() {
  check(sys::write_all(scratch_.get(), pending_), "write the list of directories");
  pending_.clear();
}

void LayerWriter::finish_directory(const std::string& path, mode_t mode, timespec mtime) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = path.empty() ? "." : path.substr(slash == std::string::npos ? 0 : slash + 1);
  const int dir = tree_.replaced_any() ? tree_.find_dir(parent) : tree_.open_dir(parent);
  if (tree_.replaced_any()) {
    // The name may have come to mean something else since.
    if (dir < 0) return;
    const auto st = sys::stat_at(dir, name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!st.ok() || !S_ISDIR(st->st_mode)) return;
  }
  if (mode & S_ISGID) check(sys::chmod_at(dir, name.c_str(), mode), "set the mode of ", quote(path));
  check(sys::set_times_at(dir, name.c_str(), mtime, mtime), "set the times of ", quote(path));
}

void LayerWriter::finish() {
  flush_pending();
  // The same layer gives the same tree: nobody said when these were made, so not "now".
  for (const std::string& path : tree_.implicit_dirs()) {
    finish_directory(path, 0755, {});
    meta_.implicit_dirs.push_back(path);
  }
  RecordReader records(scratch_.get());
  Record record;
  std::string path;
  // In the archive's order, so that the last of several entries for a directory counts.
  while (records.next(record, path))
    finish_directory(path, record.mode, {.tv_sec = record.seconds, .tv_nsec = record.nanoseconds});
}

}  // namespace crunlite::rootfs
