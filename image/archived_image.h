// SPDX-License-Identifier: Apache-2.0
// The images in an archive, read from its documents: what docker save writes (manifest.json) or an OCI layout
// (index.json). Documents are checked against their digests here; layers are named, not read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/compression.h"
#include "image/image_files.h"
#include "image/reference.h"
#include "oci/image.h"

namespace crunlite::image {

struct ArchivedLayer {
  std::string file;         // in the archive
  std::string diff_id;      // the configuration's
  std::string blob_digest;  // what the archive says about the file; empty: nothing
  std::optional<uint64_t> blob_size;
  std::optional<Compression> compression;
};

struct ArchivedImage {
  std::string id;
  std::string config;  // bytes
  oci::ImageConfig decoded;
  std::string manifest;               // bytes; empty when the archive has none (docker's has not)
  std::vector<ArchivedLayer> layers;  // lowest first
  std::vector<Reference> names;
};

struct ReadOptions {
  // For OCI layouts whose name is only a tag: the repository to go with it. Empty: such images stay unnamed.
  std::string repository;
  oci::Platform platform;  // which of an index's images
};

// Overlay can stack 500 directories (OVL_MAX_STACK), of which the container and the merge layer need two.
inline constexpr size_t kMaxLayers = 498;

// Throws Error(kIntegrity), or Error(kNotFound) when nothing in the archive fits the platform.
std::vector<ArchivedImage> read_images(const ImageFiles& files, const ReadOptions& options);

// The two formats.
std::vector<ArchivedImage> read_docker_archive(const ImageFiles& files);
std::vector<ArchivedImage> read_oci_layout(const ImageFiles& files, const ReadOptions& options);

// Takes the configuration's bytes apart and gives each layer its diff ID. `name` is for messages.
void set_config(ArchivedImage& image, std::string bytes, const std::string& name);
// Throws unless `bytes` have this digest.
void require_digest(std::string_view bytes, const std::string& digest, std::string_view name);

// The platform of this machine in Go's words.
oci::Platform host_platform();

}  // namespace crunlite::image
