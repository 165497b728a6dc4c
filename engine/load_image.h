// SPDX-License-Identifier: Apache-2.0
// From an archive of images into the store: finds out what the input is, unpacks the layers that the store
// lacks side by side, checks every digest, and publishes all or nothing.
#pragma once

#include <string>
#include <vector>

#include "image/store.h"

namespace crunlite::engine {

struct LoadRequest {
  // A file, an OCI layout directory, or a descriptor when `fd` is given.
  std::string input;
  int fd = -1;
  oci::Platform platform;  // which of an index's images; empty: this machine's
};

struct LoadedImage {
  std::string id;
  std::vector<std::string> names;  // familiar
};

// A name that meant another image before.
struct MovedName {
  std::string name;
  std::string old_id;
};

struct LoadReport {
  std::vector<LoadedImage> images;
  std::vector<MovedName> moved;
  std::vector<std::string> warnings;
};

// Throws Error; then the store holds nothing new that has a name, and nothing half done.
LoadReport load_images(const image::Store& store, const LoadRequest& request);

}  // namespace crunlite::engine
