// SPDX-License-Identifier: Apache-2.0
// The files of an image archive by name, whether they lie in a directory or in a tar. A tar is indexed once
// and its members are then read in any order, by several threads at once, without being unpacked. What the
// files mean is known to docker_archive and oci_layout.
#pragma once

#include <memory>
#include <string>

#include "archive/byte_source.h"
#include "base/unique_fd.h"

namespace crunlite::image {

class ImageFiles {
 public:
  ImageFiles() = default;
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;
  virtual ~ImageFiles() = default;

  virtual bool has(const std::string& name) const = 0;
  // In bytes; 0 for what is not there. Only good for ordering the work.
  virtual uint64_t size(const std::string& name) const = 0;
  // A source of its own for each call. Throws Error(kIntegrity) for what is not there or not a plain file.
  virtual std::unique_ptr<archive::ByteSource> open(const std::string& name) const = 0;

  // A whole document of at most oci::kMaxImageDocument bytes.
  std::string read_document(const std::string& name) const;
};

// Names are resolved inside the directory.
std::unique_ptr<ImageFiles> open_image_directory(const std::string& path);
// `tar` is an uncompressed archive that can be read at any offset. Throws Error(kIntegrity).
std::unique_ptr<ImageFiles> open_image_tar(UniqueFd tar);

}  // namespace crunlite::image
