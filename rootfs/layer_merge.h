// SPDX-License-Identifier: Apache-2.0
// Layers are unpacked each for itself, so a layer whose archive mentions a/b/file but neither a nor a/b has
// directories whose attributes nobody chose (LayerMeta::implicit_dirs), and overlay would show those instead
// of the lower layer's. This makes one more, topmost lower for an image that has just those directories, with
// the attributes that they should have. Most images need none.
#pragma once

#include <string>
#include <vector>

#include "rootfs/layer_meta.h"

namespace crunlite::rootfs {

struct LayerView {
  std::string diff;  // the layer's directory
  const LayerMeta* meta = nullptr;
};

// `views` uppermost first. Fills the empty directory `merge` and says whether there was anything to do.
bool make_merge_layer(const std::vector<LayerView>& views, int merge);

// The lowers that overlay is to have for these layers, as indices, uppermost first: a layer that comes twice
// counts once, at its highest place, because overlay takes no directory twice and the higher one decides
// everything; what is below an opaque root does not show.
std::vector<size_t> effective_layers(const std::vector<const LayerMeta*>& uppermost_first);

}  // namespace crunlite::rootfs
