// SPDX-License-Identifier: Apache-2.0
#include "engine/container_dir.h"

#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace crunlite::engine {
namespace {

constexpr size_t kMostRecord = 1u << 20;
constexpr char kRecordName[] = "record.json";
constexpr char kLockName[] = "lock";

// Names are given and abandoned containers taken over one at a time. Released with the descriptor.
UniqueFd lock_all(const std::string& store_root) {
  const UniqueFd locks = make_own_dirs(store_root + "/locks", 0700);
  UniqueFd lock = check(sys::open_at(locks.get(), "containers", O_RDWR | O_CREAT, 0600), "open ", store_root,
                        "/locks/containers");
  check(sys::flock(lock.get(), LOCK_EX), "lock ", store_root, "/locks/containers");
  return lock;
}

// A process-owned lock (fcntl_locking(2)) rather than flock(2): the container's init, which holds copies of
// all our descriptors until it executes its program, must not keep the container owned when we are killed.
// False: another process holds it.
bool try_lock(int fd, const std::string& path) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (::fcntl(fd, F_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw SysError(errno, "lock ", path);
}

struct Field {
  const char* key;
  std::string ContainerRecord::*member;
};
constexpr Field kFields[] = {
    {"id", &ContainerRecord::id},
    {"name", &ContainerRecord::name},
    {"image", &ContainerRecord::image},
    {"imageId", &ContainerRecord::image_id},
    {"stateRoot", &ContainerRecord::state_root},
    {"cgroupPath", &ContainerRecord::cgroup_path},
    {"bridge", &ContainerRecord::bridge},
};

std::string encode(const ContainerRecord& record) {
  json::Object out;
  for (const Field& field : kFields) out.add(field.key, record.*field.member);
  return json::dump(out, json::Style::kIndented) + "\n";
}

ContainerRecord decode(std::string_view text, const std::string& path) {
  const json::Value document = json::parse(text, path);
  std::vector<std::string> problems;
  const json::Reader reader(document, problems);
  ContainerRecord record;
  for (const Field& field : kFields) record.*field.member = reader.require<std::string>(field.key);
  if (!problems.empty()) throw Error(ErrorKind::kConfig, path, ": ", join(problems, "; "));
  return record;
}

std::optional<ContainerRecord> read_record(const std::string& store_root, const std::string& id) {
  const std::string path = cat(store_root, "/containers/", id, '/', kRecordName);
  try {
    return decode(read_file(AT_FDCWD, path, kMostRecord), path);
  } catch (const Error&) {
    return std::nullopt;  // not written yet or no more: its owner was killed in between
  }
}

void refuse_taken_name(const std::string& store_root, const std::string& name) {
  for (const std::string& id : ContainerDir::list(store_root)) {
    const std::optional<ContainerRecord> other = read_record(store_root, id);
    if (!other || other->name != name) continue;
    throw Error(ErrorKind::kExists, "Conflict. The container name \"/", name,
                "\" is already in use by container \"", id,
                "\". You have to remove (or rename) that container to be able to reuse that name.");
  }
}

bool is_container_id(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::string> ids_in(const UniqueFd& containers) {
  std::vector<std::string> ids = list_dir(containers.get(), ".");
  std::erase_if(ids, [](const std::string& name) { return !is_container_id(name); });
  return ids;
}

}  // namespace

std::optional<ContainerRecord> find_container(const std::string& store_root, const std::string& word,
                                              Match match) {
  if (is_container_id(word)) return read_record(store_root, word);
  const std::string path = store_root + "/containers";
  sys::Result<UniqueFd> containers = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!containers.ok() && containers.error() == ENOENT) return std::nullopt;
  const UniqueFd dir = check(std::move(containers), "open ", path);
  std::vector<ContainerRecord> beginning;
  for (const std::string& id : ids_in(dir)) {
    std::optional<ContainerRecord> record = read_record(store_root, id);
    if (record && record->name == word) return record;
    if (record && !word.empty() && id.starts_with(word)) beginning.push_back(std::move(*record));
  }
  if (match == Match::kWhole || beginning.size() != 1) return std::nullopt;
  return std::move(beginning.front());
}

ContainerDir ContainerDir::create(const std::string& store_root, ContainerRecord record) {
  const UniqueFd all = lock_all(store_root);
  refuse_taken_name(store_root, record.name);
  ContainerDir out;
  out.path_ = cat(store_root, "/containers/", record.id);
  out.dir_ = make_own_dirs(out.path_, 0700);
  out.lock_ = check(sys::open_at(out.dir_.get(), kLockName, O_RDWR | O_CREAT, 0600), "create the lock of ",
                    out.path_);
  if (!try_lock(out.lock_.get(), out.path_))
    throw Error(ErrorKind::kExists, out.path_, ": locked by somebody else");
  write_file_atomic(out.dir_.get(), kRecordName, encode(record), 0600, Durability::kRename);
  out.record_ = std::move(record);
  return out;
}

std::optional<ContainerDir> ContainerDir::adopt(const std::string& store_root, const std::string& id) {
  const UniqueFd all = lock_all(store_root);
  ContainerDir out;
  out.path_ = cat(store_root, "/containers/", id);
  sys::Result<UniqueFd> dir = sys::open_at(AT_FDCWD, out.path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!dir.ok() && dir.error() == ENOENT) return std::nullopt;
  out.dir_ = check(std::move(dir), "open ", out.path_);
  out.lock_ =
      check(sys::open_at(out.dir_.get(), kLockName, O_RDWR | O_CREAT, 0600), "open the lock of ", out.path_);
  if (!try_lock(out.lock_.get(), out.path_)) return std::nullopt;
  out.record_ = read_record(store_root, id).value_or(ContainerRecord{.id = id});
  return out;
}

std::vector<std::string> ContainerDir::list(const std::string& store_root) {
  const UniqueFd dir = make_own_dirs(store_root + "/containers", 0700);
  return ids_in(dir);
}

void ContainerDir::remove() {
  // The record goes first: without it the name is free, and what is left is only files.
  const sys::Status gone = sys::unlink_at(dir_.get(), kRecordName);
  if (!gone.ok() && gone.error() != ENOENT) check(gone, "remove ", file(kRecordName));
  remove_tree(AT_FDCWD, path_);
}

}  // namespace crunlite::engine
