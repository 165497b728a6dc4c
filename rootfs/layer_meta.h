// SPDX-License-Identifier: Apache-2.0
// What is kept about an unpacked layer beside its files: layers/<diff id hex>/meta.json. Written once, when
// the layer is published.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crunlite::rootfs {

struct LayerMeta {
  std::string diff_id;
  uint64_t size = 0;      // of its regular files, in bytes
  uint64_t entries = 0;   // of the archive
  uint64_t tar_size = 0;  // of the uncompressed archive
  // Directories that the archive did not mention but needed ("" is the root): their attributes mean nothing,
  // a lower layer's count (rootfs/layer_merge.h).
  std::vector<std::string> implicit_dirs;
  // `.wh..wh..opq` at the top: overlay has no opaque roots, so the layers below are left out instead.
  bool opaque_root = false;
};

std::string encode_layer_meta(const LayerMeta& meta);
// Throws Error(kConfig).
LayerMeta decode_layer_meta(std::string_view bytes, std::string_view name);

// File names are bytes, JSON is UTF-8: every byte outside printable ASCII, and '%', becomes %XX.
std::string escape_name(std::string_view name);
std::string unescape_name(std::string_view text);

}  // namespace crunlite::rootfs
