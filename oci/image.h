// SPDX-License-Identifier: Apache-2.0
// The image-spec's documents (v1.1.1) and docker's schema 2, which has the same members, as plain structs:
// descriptor, manifest, index and image configuration, with the members that docker adds. Decoding checks
// shape, digests and sizes; whether the content behind a digest is what it says is not known here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/compression.h"
#include "base/json.h"

namespace crunlite::oci {

// Manifests, indexes and configurations above this are refused unread (the limit of containers/image).
inline constexpr size_t kMaxImageDocument = 4u << 20;

// "sha256:" and 64 lower-case hex digits: the only algorithm that every registry and tool agrees on.
bool is_sha256_digest(std::string_view text);
// The hex digits of a digest that is_sha256_digest() accepted: a safe file name.
std::string_view digest_hex(std::string_view digest);

enum class MediaKind { kUnknown, kManifest, kIndex, kConfig, kLayer };
struct MediaType {
  MediaKind kind = MediaKind::kUnknown;
  Compression compression = Compression::kNone;  // of layers
  bool foreign = false;                          // nondistributable: the content may be absent
};
// Image-spec and docker names share one table.
MediaType classify_media_type(std::string_view name);

inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";

struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;
};

struct Descriptor {
  std::string media_type;
  std::string digest;
  uint64_t size = 0;
  std::map<std::string, std::string> annotations;
  std::optional<Platform> platform;
};

struct Manifest {
  std::string media_type;  // may be empty in OCI documents
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  std::map<std::string, std::string> annotations;
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};

// docker's HEALTHCHECK; times in nanoseconds.
struct HealthCheck {
  std::vector<std::string> test;
  int64_t interval = 0;
  int64_t timeout = 0;
  int64_t start_period = 0;
  int64_t start_interval = 0;
  int64_t retries = 0;
};

// What a container of this image runs with, unless the user says otherwise.
struct ImageRunConfig {
  std::string user;
  std::vector<std::string> exposed_ports;  // "5000/tcp", sorted
  std::vector<std::string> env;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> volumes;  // absolute paths, sorted
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<int64_t> stop_timeout;
  std::optional<HealthCheck> health_check;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;
};

struct ImageHistory {
  std::string created;
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

struct ImageConfig {
  std::string created;  // RFC 3339, may be empty
  std::string author;
  std::string architecture;
  std::string os;
  std::string os_version;
  std::string variant;
  ImageRunConfig config;
  std::vector<std::string> diff_ids;  // lowest first
  std::vector<ImageHistory> history;
};

// Each takes the document's bytes as stored and what to call it in messages; throws Error(kIntegrity) with
// every problem found. A document that could be read both as a manifest and as an index is refused
// (CVE-2021-41190), and so is one whose mediaType differs from `expected_media_type` (empty: not known).
Manifest decode_manifest(std::string_view bytes, std::string_view name, std::string_view expected_media_type);
Index decode_index(std::string_view bytes, std::string_view name, std::string_view expected_media_type);
ImageConfig decode_image_config(std::string_view bytes, std::string_view name);

json::Value encode(const Descriptor& descriptor);
json::Value encode(const Manifest& manifest);
json::Value encode(const Index& index);
json::Value encode(const ImageConfig& config);

}  // namespace crunlite::oci
