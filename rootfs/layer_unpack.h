// SPDX-License-Identifier: Apache-2.0
// One layer from its blob to a directory, in one pass: read, digest, inflate, digest, parse, write, on two
// threads with a fixed amount of memory between them. What the digests should have been is the caller's
// knowledge; until it has compared them, the directory is worth nothing.
#pragma once

#include <string>
#include <vector>

#include "archive/byte_source.h"
#include "base/compression.h"
#include "rootfs/layer_meta.h"

namespace crunlite::rootfs {

struct UnpackedLayer {
  std::string blob_digest;  // of the bytes as they came
  uint64_t blob_size = 0;
  Compression compression = Compression::kNone;
  LayerMeta meta;  // with the diff ID
  std::vector<std::string> warnings;
  uint64_t warning_count = 0;
};

// Fills the empty directory `diff`; `scratch` is an empty file to work with. Throws Error.
UnpackedLayer unpack_layer(archive::ByteSource& blob, UniqueFd diff, UniqueFd scratch);

// The same checks and digests without writing: for a layer that the store has already.
UnpackedLayer check_layer(archive::ByteSource& blob);

}  // namespace crunlite::rootfs
