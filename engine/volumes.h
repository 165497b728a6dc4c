// SPDX-License-Identifier: Apache-2.0
// -v and the VOLUMEs of an image, made ready: host directories that are missing are created as docker does,
// named volumes live in <store>/volumes/<name>/_data, anonymous ones in the container's own directory and go
// with it. A new volume starts with what the image has at its place.
#pragma once

#include <string>
#include <vector>

#include "base/rooted_dir.h"
#include "engine/options.h"
#include "oci/image.h"
#include "oci/spec.h"

namespace crunlite::engine {

struct VolumeRequest {
  const oci::ImageConfig& image;
  const RunOptions& options;
  std::string store_root;
  std::string container_dir;
  const RootedDir& rootfs;  // the container's, mounted
};

// The bind mounts for all of them. Throws Error.
std::vector<oci::Mount> prepare_volumes(const VolumeRequest& request);

}  // namespace crunlite::engine
