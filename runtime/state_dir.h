// SPDX-License-Identifier: Apache-2.0
// The directory <root>/<id> of one container: its existence is the container's existence, so that of many
// creates with one id exactly one wins. Holds the record and a lock that the kernel frees when its holder
// dies.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "oci/spec.h"
#include "runtime/record.h"
#include "runtime/runtime.h"

namespace crunlite::runtime {

// Throws Error(kUsage) unless it is [A-Za-z0-9_+-][A-Za-z0-9_+.-]* of at most 255 characters: runc's alphabet
// without a leading dot, which is for files of crun-lite's own.
void check_id(const std::string& id);

// The ids below `root`; none when it does not exist.
std::vector<std::string> list_ids(const std::string& root);

class StateDir {
 public:
  // Makes it (0700) and locks it. Error(kExists) when the id is taken. Removed by the destructor unless
  // keep().
  static StateDir reserve(const Ref& container);
  // Error(kNotFound): "container does not exist". Not locked.
  static StateDir open(const Ref& container);
  static std::optional<StateDir> find(const Ref& container);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();
  void keep() { armed_ = false; }

  int fd() const { return dir_.get(); }
  // What marks the container's cgroups as ours: tells two containers of one name apart.
  const std::string& path() const { return path_; }

  // False when another command changes this container right now.
  bool try_lock();
  // Waits until no other command changes this container. Error(kNotFound) when it was deleted meanwhile.
  void lock();
  // The same, but no longer than `timeout`: false when the holder still lives then.
  bool lock_within(std::chrono::milliseconds timeout);
  void unlock() { lock_.reset(); }
  // Some command changes it right now.
  bool busy() const;

  // Throws Error(kConfig) when there is none or when it is damaged.
  Record read() const;
  void write(const Record& record) const;

  // config.json as it was at create: what `exec` and others need later, whatever became of the bundle's own
  // (runtime.md, Create). config() throws Error(kConfig).
  void keep_config(const std::string& text) const;
  oci::Spec config() const;

  // Which process the init is, kept beside the record: written before it can outlive us, and still there when
  // the record is damaged. Without cgroups nothing else leads to it.
  void note_init(const ProcessId& id) const;
  std::optional<ProcessId> noted_init() const;

  // Somebody else has removed it since we opened it.
  bool gone() const;
  // Removes it with all its files; the lock goes last.
  void remove();

 private:
  StateDir(std::string path, UniqueFd root, UniqueFd dir, std::string id)
      : path_(std::move(path)), root_(std::move(root)), dir_(std::move(dir)), id_(std::move(id)) {}

  std::string path_;
  UniqueFd root_;
  UniqueFd dir_;
  std::string id_;
  UniqueFd lock_;  // invalid: a create or delete was killed at a moment when there was none
  bool armed_ = false;
};

}  // namespace crunlite::runtime
