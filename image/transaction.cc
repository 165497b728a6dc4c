// SPDX-License-Identifier: Apache-2.0
#include "image/transaction.h"

#include <linux/fs.h>
#include <sys/file.h>

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

namespace crunlite::image {
namespace {

constexpr char kTmpLock[] = "locks/tmp";
constexpr size_t kMaxLayerMeta = 64u << 20;

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// mkdir -p for directories of the store. Gives those that were made, so that their parents can be synced.
void make_dirs(int store, const std::string& path) {
  for (size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    const sys::Status made = sys::mkdir_at(store, prefix.c_str(), 0700);
    if (!made.ok() && made.error() != EEXIST) check(made, "create directory ", prefix);
    if (slash == std::string::npos) return;
  }
}

void sync_dir(int store, const std::string& path) {
  const UniqueFd dir = check(sys::open_at(store, path.c_str(), O_RDONLY | O_DIRECTORY), "open ", path);
  check(sys::fsync(dir.get()), "sync ", path);
}

UniqueFd make_dir(int parent, const std::string& name, mode_t mode) {
  check(sys::mkdir_at(parent, name.c_str(), mode), "create directory ", name);
  UniqueFd dir = check(sys::open_at(parent, name.c_str(), O_RDONLY | O_DIRECTORY), "open ", name);
  check(sys::fchmod(dir.get(), mode), "set the mode of ", name);
  return dir;
}

void write_new_file(int dir, const std::string& name, std::string_view content) {
  const UniqueFd file =
      check(sys::open_at(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600), "create ", name);
  check(sys::fchmod(file.get(), 0600), "set the mode of ", name);
  check(sys::write_all(file.get(), content), "write ", name);
}

}  // namespace

Transaction::Transaction(const Store& store) : store_(&store) {
  std::vector<Leftover> leftovers;
  {
    // mkdir and flock are two steps; whoever looks for leftovers must not look in between.
    const UniqueFd lock =
        check(sys::open_at(store.fd(), kTmpLock, O_RDWR | O_CREAT, 0600), "open ", kTmpLock);
    check(sys::flock(lock.get(), LOCK_EX), "lock ", kTmpLock);
    leftovers = claim_leftovers();
    make_own_directory();
  }
  remove_leftovers(leftovers);
}

Transaction::~Transaction() {
  try {
    remove_tree(store_->fd(), name_);
  } catch (const Error&) {
    // The next transaction sweeps it; the error that brought us here is the one to report.
  }
}

// Whoever holds the lock is at work; a lock that can be taken belongs to nobody alive (flock(2)).
std::vector<Transaction::Leftover> Transaction::claim_leftovers() const {
  std::vector<Leftover> leftovers;
  for (const std::string& entry : list_dir(store_->fd(), "tmp")) {
    Leftover left{.name = "tmp/" + entry, .lock = {}};
    sys::Result<UniqueFd> dir =
        sys::open_at(store_->fd(), left.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (dir.ok()) {
      if (!sys::flock(dir->get(), LOCK_EX | LOCK_NB).ok()) continue;
      left.lock = std::move(*dir);
    }
    leftovers.push_back(std::move(left));
  }
  return leftovers;
}

void Transaction::make_own_directory() {
  name_ = "tmp/" + random_hex(8);
  dir_ = make_dir(store_->fd(), name_, 0700);
  check(sys::flock(dir_.get(), LOCK_EX), "lock ", name_);
  for (const char* part : {"layers", "merges", "files"}) make_dir(dir_.get(), part, 0700);
}

// Somebody else's remains are no reason for our work to fail.
void Transaction::remove_leftovers(const std::vector<Leftover>& leftovers) const {
  for (const Leftover& left : leftovers) {
    try {
      remove_tree(store_->fd(), left.name);
    } catch (const Error& error) {
      log::warning(cat("what an interrupted command left in the store: ", error.what()));
    }
  }
}

std::string Transaction::path(std::string_view inside) const {
  return cat(store_->root(), "/", name_, "/", inside);
}

UniqueFd Transaction::scratch_file() const {
  return check(sys::open_at(dir_.get(), ".", O_TMPFILE | O_RDWR, 0600), "create a temporary file in ",
               store_->root(), "/tmp");
}

UniqueFd Transaction::begin_layer(const std::string& diff_id) const {
  const UniqueFd layer = make_dir(dir_.get(), Store::layer_path(diff_id), 0700);
  return make_dir(layer.get(), "diff", 0755);
}

void Transaction::describe_layer(const std::string& diff_id, std::string_view meta) const {
  write_new_file(dir_.get(), Store::layer_path(diff_id) + "/meta.json", meta);
}

void Transaction::add_layer(const std::string& diff_id) {
  stage(Store::layer_path(diff_id), Store::layer_path(diff_id), Rename::Existing::kKeep);
}

std::string Transaction::layer_dir(const std::string& diff_id) const {
  const std::string relative = Store::layer_path(diff_id);
  const bool here = sys::stat_at(dir_.get(), relative.c_str(), AT_SYMLINK_NOFOLLOW).ok();
  return (here ? path(relative) : cat(store_->root(), "/", relative)) + "/diff";
}

std::string Transaction::read_layer_meta(const std::string& diff_id) const {
  const std::string relative = Store::layer_path(diff_id) + "/meta.json";
  const bool here = sys::stat_at(dir_.get(), relative.c_str(), AT_SYMLINK_NOFOLLOW).ok();
  return read_file(here ? dir_.get() : store_->fd(), relative, kMaxLayerMeta);
}

UniqueFd Transaction::begin_merge(const std::string& id) {
  remove_tree(dir_.get(), Store::merge_path(id));
  const UniqueFd merge = make_dir(dir_.get(), Store::merge_path(id), 0700);
  return make_dir(merge.get(), "diff", 0755);
}

void Transaction::keep_merge(const std::string& id) {
  stage(Store::merge_path(id), Store::merge_path(id), Rename::Existing::kKeep);
}

void Transaction::add_blob(const std::string& digest, std::string_view content) {
  write_staged(Store::blob_path(digest), content, Rename::Existing::kReplace);
}

void Transaction::add_image(const ImageRecord& record) {
  const json::Object document{{"id", record.id},
                              {"manifest", record.manifest_digest},
                              {"size", record.size},
                              {"storedAt", record.stored_at},
                              {"dirs", json::Array(record.dirs.begin(), record.dirs.end())}};
  write_staged(Store::image_path(record.id), json::dump(document), Rename::Existing::kReplace);
}

void Transaction::add_name(const Reference& reference, const std::string& id) {
  const std::string file = cat("files/", staged_.size() + names_.size());
  const json::Object document{{"name", reference.canonical()}, {"image", id}};
  write_new_file(dir_.get(), file, json::dump(document));
  names_.push_back({.from = file, .to = Store::ref_path(reference), .existing = Rename::Existing::kReplace});
}

void Transaction::write_staged(const std::string& to, std::string_view content, Rename::Existing existing) {
  std::string file = cat("files/", staged_.size() + names_.size());
  write_new_file(dir_.get(), file, content);
  stage(std::move(file), to, existing);
}

void Transaction::stage(std::string from, std::string to, Rename::Existing existing) {
  staged_.push_back({.from = std::move(from), .to = std::move(to), .existing = existing});
}

void Transaction::publish(const Rename& rename) const {
  const unsigned flags = rename.existing == Rename::Existing::kKeep ? RENAME_NOREPLACE : 0;
  const sys::Status moved =
      sys::rename_at(dir_.get(), rename.from.c_str(), store_->fd(), rename.to.c_str(), flags);
  // Somebody else was first with the same content: theirs stays, ours goes with the directory.
  if (moved.error() == EEXIST && rename.existing == Rename::Existing::kKeep) return;
  check(moved, "publish ", store_->root(), "/", rename.to);
}

void Transaction::commit() {
  check(sys::syncfs(dir_.get()), "bring ", store_->root(), " to the disk");
  for (const std::vector<Rename>* group : {&staged_, &names_}) {
    // Objects first, with their directories on the disk before any name refers to them.
    std::set<std::string> touched;
    for (const Rename& rename : *group) {
      const std::string parent = parent_of(rename.to);
      if (group == &names_ && touched.insert(parent).second) make_dirs(store_->fd(), parent);
      publish(rename);
      touched.insert(parent);
    }
    for (const std::string& directory : touched) sync_dir(store_->fd(), directory);
  }
}

}  // namespace crunlite::image
