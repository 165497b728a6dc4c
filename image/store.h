// SPDX-License-Identifier: Apache-2.0
// The image store, as its readers see it: plain files that are only ever published whole
// (image/transaction.h), so that looking an image up needs no lock and no database. Needs neither libcrypto
// nor libarchive: this is the part that is linked into the static crun-lite.
//
//   <root>/version                       "1"
//          blobs/sha256/<hex>            configurations and manifests
//          images/<config hex>           one small JSON per image
//          refs/<domain>/<path>/:<tag>   one small JSON per name
//          layers/<diff id hex>/         diff/ (one layer as an overlay lower) and meta.json
//          merges/<config hex>/          directories that one image's layers would not merge right
//          containers/<id>/              engine's
//          tmp/<unique>/                 under construction, flocked by its owner
//          locks/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "image/reference.h"
#include "oci/image.h"

namespace crunlite::image {

inline constexpr char kDefaultRoot[] = "/var/lib/crun-lite";

struct Image {
  std::string id;  // "sha256:…", the digest of the configuration
  oci::ImageConfig config;
  std::vector<std::string> layer_dirs;  // absolute, uppermost first: overlay's lowerdirs
};

// What the store keeps about an image beside its configuration.
struct ImageRecord {
  std::string id;
  std::string manifest_digest;
  uint64_t size = 0;              // of the files of all layers
  int64_t stored_at = 0;          // seconds since the epoch
  std::vector<std::string> dirs;  // overlay's lowerdirs relative to the store, uppermost first
};

class Store {
 public:
  // Opens the store, and makes an empty one (0700) where there is none. Throws SysError, or Error(kConfig)
  // for a directory of another version or owner.
  static Store open(const std::string& root);

  const std::string& root() const { return root_; }
  int fd() const { return dir_.get(); }

  // By "sha256:<hex>" or 64 hex digits, by name[:tag], then by a unique prefix of an ID. Nothing: no such
  // image. Throws Error(kUsage) for what is no reference and for an ambiguous prefix.
  std::optional<Image> find(std::string_view user_reference) const;
  // As find(); throws Error(kNotFound) "No such image: X" with the nearest names as remedy.
  Image require(std::string_view user_reference) const;
  Image get(const std::string& id) const;

  // Familiar names with tags ("python-docker:latest"), sorted; those of one image.
  std::vector<std::string> names() const;
  std::vector<std::string> names_of(const std::string& id) const;
  std::vector<ImageRecord> images() const;
  // The ID that a full reference (with tag or digest) stands for.
  std::optional<std::string> id_of(const Reference& reference) const;

  // The bytes of a configuration or manifest.
  std::string read_blob(const std::string& digest) const;
  bool has_layer(const std::string& diff_id) const;

  // Paths relative to the store.
  static std::string blob_path(std::string_view digest);
  static std::string image_path(std::string_view id);
  static std::string layer_path(std::string_view diff_id);
  static std::string merge_path(std::string_view id);
  static std::string ref_path(const Reference& reference);

 private:
  Store(std::string root, UniqueFd dir) : root_(std::move(root)), dir_(std::move(dir)) {}
  std::optional<std::string> resolve(std::string_view user_reference) const;
  std::optional<std::string> resolve_prefix(std::string_view hex) const;
  std::optional<std::string> read_if_there(const std::string& path) const;

  std::string root_;
  UniqueFd dir_;
};

}  // namespace crunlite::image
