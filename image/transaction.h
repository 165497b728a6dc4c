// SPDX-License-Identifier: Apache-2.0
// The only way to put something into the store. Everything is made in a directory of this transaction's own,
// brought to the disk with one syncfs and then renamed into place, names last: whatever happens at whatever
// instruction, the store holds whole objects, and what was left behind is swept by the next transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/rooted_dir.h"
#include "image/store.h"

namespace crunlite::image {

class Transaction {
 public:
  // Sweeps the directories of transactions that ended without saying goodbye. Throws SysError.
  explicit Transaction(const Store& store);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  // A file without a name: gone when its descriptor is closed, however that comes about.
  UniqueFd scratch_file() const;

  // A layer that the store lacks: fill the empty directory, then say what to keep about it. Different layers
  // may be begun and described by different threads.
  UniqueFd begin_layer(const std::string& diff_id) const;
  void describe_layer(const std::string& diff_id, std::string_view meta) const;
  void add_layer(const std::string& diff_id);
  // Absolute; where the layer is for now, or where the store has it.
  std::string layer_dir(const std::string& diff_id) const;
  std::string read_layer_meta(const std::string& diff_id) const;

  // The directory for rootfs::make_merge_layer; published only after keep_merge().
  UniqueFd begin_merge(const std::string& id);
  void keep_merge(const std::string& id);

  void add_blob(const std::string& digest, std::string_view content);
  void add_image(const ImageRecord& record);
  void add_name(const Reference& reference, const std::string& id);

  // Publishes everything. Throws SysError; then nothing that has a name refers to what is missing.
  void commit();

 private:
  struct Rename {
    std::string from;  // in tmp/<unique>
    std::string to;    // in the store
    enum class Existing { kReplace, kKeep } existing;
  };
  std::string path(std::string_view inside) const;
  // What a transaction that was killed left in tmp/: ours to remove while we hold its lock.
  struct Leftover {
    std::string name;
    UniqueFd lock;
  };
  std::vector<Leftover> claim_leftovers() const;
  void make_own_directory();
  void remove_leftovers(const std::vector<Leftover>& leftovers) const;
  void write_staged(const std::string& to, std::string_view content, Rename::Existing existing);
  void stage(std::string from, std::string to, Rename::Existing existing);
  void publish(const Rename& rename) const;

  const Store* store_;
  std::string name_;            // tmp/<unique>
  UniqueFd dir_;                // flocked
  std::vector<Rename> staged_;  // in the order of publication within their group
  std::vector<Rename> names_;   // published last
};

}  // namespace crunlite::image
