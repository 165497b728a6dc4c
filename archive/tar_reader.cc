// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace crunlite::archive {

// What libarchive reads from. Exceptions must not pass through its C frames: they wait here.
struct TarReader::Stream {
  explicit Stream(ByteSource& source) : from(&source), buffer(kBuffer) {}

  static constexpr size_t kBuffer = 128u << 10;
  ByteSource* from;
  std::vector<char> buffer;
  std::exception_ptr error;
  uint64_t header_bytes = 0;
  bool in_header = false;

  static la_ssize_t read(struct ::archive* reader, void* self, const void** data) {
    auto& stream = *static_cast<Stream*>(self);
    try {
      const size_t got = stream.from->read(stream.buffer);
      stream.header_bytes += got;
      if (stream.in_header && stream.header_bytes > kMaxHeaderBytes)
        throw Error(ErrorKind::kIntegrity, "the header of one entry is larger than ", kMaxHeaderBytes,
                    " bytes");
      *data = stream.buffer.data();
      return static_cast<la_ssize_t>(got);
    } catch (...) {
      stream.error = std::current_exception();
      archive_set_error(reader, EIO, "source failed");
      return -1;
    }
  }
  static la_int64_t skip(struct ::archive*, void* self, la_int64_t bytes) {
    return static_cast<la_int64_t>(static_cast<Stream*>(self)->from->skip(static_cast<uint64_t>(bytes)));
  }
};

namespace {

uint32_t checked_id(la_int64_t id, std::string_view what, std::string_view path) {
  // 4294967295 is (uid_t)-1: "leave it alone" to chown(2), and so no owner at all.
  if (id < 0 || id >= 0xffffffff)
    throw Error(ErrorKind::kIntegrity, quote(path), ": ", what, " ", id, " is not between 0 and 4294967294");
  return static_cast<uint32_t>(id);
}

EntryKind kind_of(archive_entry* entry, std::string_view path) {
  if (archive_entry_hardlink(entry)) return EntryKind::kHardLink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryKind::kFile;
    case AE_IFDIR:
      return EntryKind::kDirectory;
    case AE_IFLNK:
      return EntryKind::kSymlink;
    case AE_IFCHR:
      return EntryKind::kCharDevice;
    case AE_IFBLK:
      return EntryKind::kBlockDevice;
    case AE_IFIFO:
      return EntryKind::kFifo;
    default:
      throw Error(ErrorKind::kIntegrity, quote(path), ": unknown type of entry");
  }
}

uint64_t size_of(archive_entry* entry, std::string_view path) {
  const la_int64_t size = archive_entry_size(entry);
  if (size < 0) throw Error(ErrorKind::kIntegrity, quote(path), ": negative size");
  if (static_cast<uint64_t>(size) > TarReader::kMaxFileSize)
    throw Error(ErrorKind::kIntegrity, quote(path), ": claims ", size, " bytes, more than the limit of ",
                TarReader::kMaxFileSize);
  return static_cast<uint64_t>(size);
}

std::string text_or_empty(const char* text) {
  return text ? text : "";
}

TarEntry translate(archive_entry* entry) {
  TarEntry out;
  out.path = text_or_empty(archive_entry_pathname(entry));
  out.kind = kind_of(entry, out.path);
  if (out.kind == EntryKind::kHardLink) out.link_target = archive_entry_hardlink(entry);
  if (out.kind == EntryKind::kSymlink) out.link_target = text_or_empty(archive_entry_symlink(entry));
  out.mode = archive_entry_perm(entry) & 07777;
  out.uid = checked_id(archive_entry_uid(entry), "user id", out.path);
  out.gid = checked_id(archive_entry_gid(entry), "group id", out.path);
  if (out.kind == EntryKind::kFile) out.size = size_of(entry, out.path);
  out.mtime = {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
  out.device_major = static_cast<uint32_t>(archive_entry_rdevmajor(entry));
  out.device_minor = static_cast<uint32_t>(archive_entry_rdevminor(entry));
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    out.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  return out;
}

// libarchive translates PAX names from UTF-8 to the locale's charset. This program stays in the "C" locale,
// where that fails for everything but ASCII, and then libarchive keeps the bytes as they are, which is what
// we want: C.UTF-8 would rewrite decomposed characters to composed ones. No setlocale() anywhere, therefore.
bool only_kept_the_bytes(struct ::archive* reader) {
  const char* text = archive_error_string(reader);
  return text && std::strstr(text, "can't be converted from");
}

}  // namespace

void TarReader::Free::operator()(struct ::archive* reader) const {
  archive_read_free(reader);
}

TarReader::TarReader(ByteSource& from)
    : stream_(std::make_unique<Stream>(from)), reader_(archive_read_new()) {
  if (!reader_) throw Error(ErrorKind::kSystem, "out of memory");
  archive_read_support_format_tar(reader_.get());
  archive_read_support_format_empty(reader_.get());  // a layer of no bytes at all is an empty layer
  stream_->in_header = true;
  archive_read_set_read_callback(reader_.get(), Stream::read);
  archive_read_set_skip_callback(reader_.get(), Stream::skip);
  archive_read_set_callback_data(reader_.get(), stream_.get());
  if (archive_read_open1(reader_.get()) != ARCHIVE_OK) fail("open");
}

TarReader::~TarReader() = default;

void TarReader::fail(std::string_view doing) {
  if (stream_->error) std::rethrow_exception(std::exchange(stream_->error, nullptr));
  throw Error(ErrorKind::kIntegrity, "cannot ", doing,
              " the tar archive: ", printable(text_or_empty(archive_error_string(reader_.get()))));
}

void TarReader::skip_data() {
  if (in_entry_ && archive_read_data_skip(reader_.get()) < ARCHIVE_OK) fail("read");
  in_entry_ = false;
}

std::optional<TarEntry> TarReader::next() {
  skip_data();
  stream_->in_header = true;
  stream_->header_bytes = 0;
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(reader_.get(), &entry);
  stream_->in_header = false;
  if (result == ARCHIVE_EOF) return std::nullopt;
  if (result != ARCHIVE_OK && !(result == ARCHIVE_WARN && only_kept_the_bytes(reader_.get()))) fail("read");
  in_entry_ = true;
  return translate(entry);
}

std::optional<TarReader::Block> TarReader::read_block() {
  const void* data = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  const int result = archive_read_data_block(reader_.get(), &data, &size, &offset);
  if (result == ARCHIVE_EOF) return std::nullopt;
  if (result != ARCHIVE_OK || offset < 0) fail("read");
  return Block{.data = {static_cast<const char*>(data), size}, .offset = static_cast<uint64_t>(offset)};
}

uint64_t TarReader::header_offset() const {
  return static_cast<uint64_t>(archive_read_header_position(reader_.get()));
}

size_t EntrySource::read(std::span<char> buffer) {
  while (!block_ || block_->data.empty()) {
    block_ = reader_->read_block();
    if (!block_) break;
  }
  // Past the last block, or in front of one, there may be a hole.
  const uint64_t data_from = block_ ? block_->offset : size_;
  if (position_ < data_from) {
    const size_t zeros = std::min<uint64_t>(buffer.size(), data_from - position_);
    std::memset(buffer.data(), 0, zeros);
    position_ += zeros;
    return zeros;
  }
  if (!block_) return 0;
  const size_t step = std::min(buffer.size(), block_->data.size());
  std::memcpy(buffer.data(), block_->data.data(), step);
  block_->data = block_->data.subspan(step);
  block_->offset += step;
  position_ += step;
  return step;
}

}  // namespace crunlite::archive
