// SPDX-License-Identifier: Apache-2.0
// The compressions that layers and archives come in, and their names. What undoes them is archive/inflate.
#pragma once

#include <string_view>

namespace crunlite {

enum class Compression { kNone, kGzip, kZstd };

constexpr std::string_view compression_name(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "uncompressed";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
  }
  return "unknown";
}

}  // namespace crunlite
