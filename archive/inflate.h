// SPDX-License-Identifier: Apache-2.0
// Undoes gzip (ISA-L) and zstd (libzstd) as a stream: all members or frames one after the other, to the last
// byte of the input, in constant memory. Other compressions are named in the error.
#pragma once

#include <memory>
#include <string_view>

#include "archive/byte_source.h"
#include "base/compression.h"

namespace crunlite::archive {

// By the magic number at the start of `head` (6 bytes are enough). Throws Error(kUnsupported) for xz, bzip2
// and the like, with the command that converts them as remedy.
Compression detect_compression(std::string_view head);

// The uncompressed bytes of `from`, which must outlive the result. Reading throws Error(kIntegrity) for
// damaged or cut input, and for an expansion that only a bomb has (kMaxExpansion above kFreeExpansion bytes).
std::unique_ptr<ByteSource> inflate(ByteSource& from, Compression compression);

// deflate cannot do better than 1:1032, so above 800 there is nothing but repetition.
inline constexpr uint64_t kMaxExpansion = 800;
inline constexpr uint64_t kFreeExpansion = 1u << 30;

}  // namespace crunlite::archive
