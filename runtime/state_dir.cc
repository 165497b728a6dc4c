// SPDX-License-Identifier: Apache-2.0
#include "runtime/state_dir.h"

#include <poll.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/user_namespace.h"
#include "runtime/bundle.h"
#include "runtime/status.h"

namespace crunlite::runtime {
namespace {

constexpr const char* kRecordName = "state.json";
constexpr const char* kConfigName = "config.json";
constexpr const char* kLockName = "lock";
constexpr const char* kInitName = "init";  // a link, of which only the text counts: made in one call
constexpr size_t kRecordLimit = 4u << 20;

Error no_such_container() {
  return Error(ErrorKind::kNotFound, "container does not exist");
}

bool id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_+-.").find(c) != std::string_view::npos;
}

// The runtime directory of a user is swept from time to time; the sticky bit says that this is still in use
// (XDG Base Directory Specification, XDG_RUNTIME_DIR).
void keep_from_clean_up(int root) {
  if (::geteuid() == 0 && !in_user_namespace(open_proc())) return;
  const sys::Result<struct stat> st = sys::fstat(root);
  if (!st.ok() || st->st_uid != ::geteuid() || (st->st_mode & S_ISVTX)) return;
  (void)sys::fchmod(root, (st->st_mode & 07777) | S_ISVTX);
}

// Waits until the process ends; false when `timeout` passes first.
bool wait_for_end(pid_t pid, std::chrono::milliseconds timeout) {
  const sys::Result<UniqueFd> process = sys::pidfd_open(pid);
  if (!process.ok()) return true;
  pollfd end{process->get(), POLLIN, 0};
  return ::poll(&end, 1, static_cast<int>(timeout.count())) != 0;
}

}  // namespace

void check_id(const std::string& id) {
  const bool good = !id.empty() && id[0] != '.' && id.size() <= 255 && std::ranges::all_of(id, id_character);
  if (!good)
    throw Error(ErrorKind::kUsage, "invalid container ID format: ", quote(id),
                " (letters, digits and _ + - . are allowed, but no dot in front)");
}

std::vector<std::string> list_ids(const std::string& root) {
  if (!sys::stat_at(AT_FDCWD, root.c_str(), 0).ok()) return {};
  std::vector<std::string> ids = list_dir(AT_FDCWD, root);
  std::erase_if(ids, [](const std::string& id) { return id[0] == '.'; });
  return ids;
}

StateDir StateDir::reserve(const Ref& container) {
  check_id(container.id);
  UniqueFd root = make_own_dirs(container.root, 0700);
  keep_from_clean_up(root.get());
  const sys::Status made = sys::mkdir_at(root.get(), container.id.c_str(), 0700);
  if (made.error() == EEXIST) throw Error(ErrorKind::kExists, "container with given ID already exists");
  std::string path = cat(container.root, "/", container.id);
  check(made, "create state directory ", path);
  StateDir out(std::move(path), std::move(root), UniqueFd(), container.id);
  out.armed_ = true;
  out.dir_ = check(sys::open_at(out.root_.get(), container.id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                   "open state directory ", out.path_);
  check(sys::fchmod(out.fd(), 0700), "set the mode of ", out.path_);
  out.lock_ = check(sys::open_at(out.fd(), kLockName, O_RDWR | O_CREAT | O_EXCL, 0600), "create ", out.path_,
                    "/lock");
  check(sys::lock_file(out.lock_.get(), sys::Wait::kYes), "lock ", out.path_);
  // Between mkdir and here a `delete --force` may have taken us for the remains of a killed create.
  if (out.gone()) throw no_such_container();
  return out;
}

std::optional<StateDir> StateDir::find(const Ref& container) {
  check_id(container.id);
  sys::Result<UniqueFd> root = sys::open_at(AT_FDCWD, container.root.c_str(), O_RDONLY | O_DIRECTORY);
  if (!root.ok() && root.error() == ENOENT) return std::nullopt;
  check(root.status(), "open state root ", container.root);
  sys::Result<UniqueFd> dir =
      sys::open_at(root->get(), container.id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!dir.ok() && dir.error() == ENOENT) return std::nullopt;
  check(dir.status(), "open state directory ", container.root, "/", container.id);
  StateDir out(cat(container.root, "/", container.id), std::move(*root), std::move(*dir), container.id);
  if (sys::Result<UniqueFd> lock = sys::open_at(out.fd(), kLockName, O_RDWR | O_NOFOLLOW); lock.ok())
    out.lock_ = std::move(*lock);
  return out;
}

StateDir StateDir::open(const Ref& container) {
  std::optional<StateDir> found = find(container);
  if (!found) throw no_such_container();
  return std::move(*found);
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)),
      root_(std::move(other.root_)),
      dir_(std::move(other.dir_)),
      id_(std::move(other.id_)),
      lock_(std::move(other.lock_)),
      armed_(std::exchange(other.armed_, false)) {}

StateDir::~StateDir() {
  if (!armed_) return;
  try {
    remove();
  } catch (const std::exception& error) {
    log::warning(cat("while undoing: ", error.what()));
  }
}

bool StateDir::gone() const {
  return check(sys::fstat(fd()), "stat ", path_).st_nlink == 0;
}

void StateDir::lock() {
  if (lock_.valid()) check(sys::lock_file(lock_.get(), sys::Wait::kYes), "lock ", path_);
  if (gone()) throw no_such_container();
}

bool StateDir::try_lock() {
  if (!lock_.valid()) return true;
  const sys::Status taken = sys::lock_file(lock_.get(), sys::Wait::kNo);
  if (taken.error() == EAGAIN || taken.error() == EACCES) return false;
  check(taken, "lock ", path_);
  return true;
}

bool StateDir::lock_within(std::chrono::milliseconds timeout) {
  while (!try_lock()) {
    const pid_t holder = check(sys::lock_holder(lock_.get()), "lock ", path_);
    if (holder != 0 && !wait_for_end(holder, timeout)) return false;
  }
  return true;
}

bool StateDir::busy() const {
  if (!lock_.valid()) return false;
  const sys::Result<pid_t> holder = sys::lock_holder(lock_.get());
  return holder.ok() && *holder != 0;
}

Record StateDir::read() const {
  const std::string name = cat(path_, "/", kRecordName);
  const sys::Result<UniqueFd> file = sys::open_at(fd(), kRecordName, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!file.ok()) throw Error(ErrorKind::kConfig, name, ": ", error_text(file.error()));
  try {
    return decode_record(read_fd(file->get(), name, kRecordLimit), name);
  } catch (Error& error) {
    error.with_remedy("`delete --force` removes the container");
    throw;
  }
}

void StateDir::write(const Record& record) const {
  // /run is a tmpfs: there is no power cut that the record would have to survive.
  with_context(cat("write the state of ", record.id), [&] {
    write_file_atomic(fd(), kRecordName, encode_record(record), 0600, Durability::kRename);
  });
}

void StateDir::keep_config(const std::string& text) const {
  with_context("keep config.json",
               [&] { write_file_atomic(fd(), kConfigName, text, 0600, Durability::kRename); });
}

oci::Spec StateDir::config() const {
  return decode_config(read_file(fd(), kConfigName, kRecordLimit), cat(path_, "/", kConfigName));
}

void StateDir::note_init(const ProcessId& id) const {
  const std::string text = cat(id.pid, " ", id.start_time, " ", id.boot_id);
  check(sys::symlink_at(text.c_str(), fd(), kInitName), "write ", path_, "/", kInitName);
}

std::optional<ProcessId> StateDir::noted_init() const {
  char text[256];
  const sys::Result<size_t> size = sys::readlink_at(fd(), kInitName, text, sizeof text);
  if (!size.ok()) return std::nullopt;
  const std::vector<std::string_view> parts = split(std::string_view(text, *size), ' ');
  if (parts.size() != 3) return std::nullopt;
  const auto pid = parse_number<pid_t>(parts[0]);
  const auto start_time = parse_number<uint64_t>(parts[1]);
  if (!pid || !start_time) return std::nullopt;
  return ProcessId{.pid = *pid, .start_time = *start_time, .boot_id = std::string(parts[2])};
}

void StateDir::remove() {
  armed_ = false;
  if (dir_.valid()) {
    for (const std::string& name : list_dir(fd(), "."))
      if (name != kLockName) remove_tree(fd(), name);
    // Whoever waits for the lock finds a directory without links and says that the container does not exist.
    remove_tree(fd(), kLockName);
  }
  const sys::Status gone = sys::unlink_at(root_.get(), id_.c_str(), AT_REMOVEDIR);
  if (gone.error() != ENOENT) check(gone, "remove state directory ", path_);
}

}  // namespace crunlite::runtime
