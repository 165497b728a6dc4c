// SPDX-License-Identifier: Apache-2.0
// The directory of one container started from an image, <store>/containers/<id>/: its record, its writable
// layer and the files that are bound into it. It is also the bundle that the runtime gets. The record is
// written before anything it names exists, and its owner holds a lock on it, so that a later run finds what a
// killed one left (collect.h).
//
//   record.json   the record below                config.json   the bundle
//   lock          held by the owner               rootfs/       where the overlay is mounted
//   upper/ work/  the writable layer              hosts hostname resolv.conf init volumes/
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace crunlite::engine {

struct ContainerRecord {
  std::string id;  // 64 hex digits
  std::string name;
  std::string image;     // as the user wrote it
  std::string image_id;  // "sha256:…"
  std::string state_root;
  std::string cgroup_path;
  std::string bridge;  // of the network that it may be attached to
};

// Whom a word on a command line means: a container's name, its id or the beginning of its id if no other id
// begins so. Makes nothing; no store is a store without containers. A record that cannot be read does not
// count. Throws SysError when the store cannot be read.
enum class Match { kWhole, kBeginningOfId };
std::optional<ContainerRecord> find_container(const std::string& store_root, const std::string& word,
                                              Match match);

class ContainerDir {
 public:
  // Reserves the record's name and id: directory and record exist and are locked on return. Throws
  // Error(kExists) in docker's words when the name is taken.
  static ContainerDir create(const std::string& store_root, ContainerRecord record);
  // Takes over a container that nobody owns any more; nothing when it has an owner.
  static std::optional<ContainerDir> adopt(const std::string& store_root, const std::string& id);
  // The ids of all containers, owned or not.
  static std::vector<std::string> list(const std::string& store_root);

  ContainerDir(ContainerDir&&) = default;
  ContainerDir& operator=(ContainerDir&&) = default;

  const ContainerRecord& record() const { return record_; }
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  int fd() const { return dir_.get(); }

  // The last step of a teardown. Throws SysError.
  void remove();

 private:
  ContainerDir() = default;

  std::string path_;
  UniqueFd dir_;
  UniqueFd lock_;
  ContainerRecord record_;
};

}  // namespace crunlite::engine
