// SPDX-License-Identifier: Apache-2.0
// Reads a tar (v7, ustar, PAX, GNU) through libarchive and gives entries that have been checked: known type,
// 32-bit owner, bounded size. Names and values are bytes, as they stand in the archive. What an entry may do
// to a directory is rootfs/layer_plan's business.
#pragma once

#include <time.h>

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "archive/byte_source.h"

struct archive;
struct archive_entry;

namespace crunlite::archive {

enum class EntryKind { kFile, kDirectory, kSymlink, kHardLink, kCharDevice, kBlockDevice, kFifo };

struct TarEntry {
  EntryKind kind = EntryKind::kFile;
  std::string path;
  std::string link_target;  // of symbolic and hard links
  uint32_t mode = 0;        // permission bits, set-uid, set-gid and sticky
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;  // of a file with its holes
  timespec mtime{};
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

class TarReader {
 public:
  // More than this in front of one entry (PAX records, long names, sparse maps) is refused.
  static constexpr uint64_t kMaxHeaderBytes = 8u << 20;
  static constexpr uint64_t kMaxFileSize = uint64_t{1} << 40;

  explicit TarReader(ByteSource& from);
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  ~TarReader();

  // The next entry, or nothing at the end of the archive. Skips what has not been read of the last one.
  // Throws Error(kIntegrity).
  std::optional<TarEntry> next();

  // The current file's data, piece by piece with holes left out.
  struct Block {
    std::span<const char> data;
    uint64_t offset = 0;
  };
  std::optional<Block> read_block();

  // Where in the source the current entry's header starts: a reader that starts there finds it first.
  uint64_t header_offset() const;

 private:
  struct Stream;
  struct Free {
    void operator()(struct ::archive* reader) const;
  };
  [[noreturn]] void fail(std::string_view doing);
  void skip_data();

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<struct ::archive, Free> reader_;
  bool in_entry_ = false;
};

// The current file's data as a source; valid until the reader's next().
class EntrySource final : public ByteSource {
 public:
  explicit EntrySource(TarReader& reader, uint64_t size) : reader_(&reader), size_(size) {}
  size_t read(std::span<char> buffer) override;

 private:
  TarReader* reader_;
  uint64_t size_;
  uint64_t position_ = 0;
  std::optional<TarReader::Block> block_;
};

}  // namespace crunlite::archive
