// SPDX-License-Identifier: Apache-2.0
// The layers of load_image: each one read, checked against everything that the archive claims about it and
// unpacked into the transaction, as many at once as there are processors.
#pragma once

#include <string>
#include <vector>

#include "image/archived_image.h"
#include "image/transaction.h"

namespace crunlite::engine {

// Afterwards every layer of `images` is in the store or in the transaction. A layer that the store has
// already is read and checked all the same, so that a damaged archive is refused whatever was loaded before.
// Gives the warnings of the layers; throws the first error.
std::vector<std::string> load_layers(const std::vector<image::ArchivedImage>& images,
                                     const image::ImageFiles& files, const image::Store& store,
                                     image::Transaction& transaction);

}  // namespace crunlite::engine
