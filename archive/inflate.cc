// SPDX-License-Identifier: Apache-2.0
#include "archive/inflate.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace crunlite::archive {
namespace {

constexpr size_t kInputBuffer = 128u << 10;

[[noreturn]] void damaged(std::string_view format, std::string_view what) {
  throw Error(ErrorKind::kIntegrity, "damaged ", format, " data: ", what);
}

// Input buffer and bomb guard that both decompressors share.
class Inflater : public ByteSource {
 public:
  explicit Inflater(ByteSource& from) : from_(&from), input_(kInputBuffer) {}

  size_t read(std::span<char> buffer) final {
    if (buffer.empty()) return 0;
    const size_t produced = produce(buffer);
    taken_out_ += produced;
    if (taken_out_ > kFreeExpansion && taken_out_ / kMaxExpansion > taken_in_)
      throw Error(ErrorKind::kIntegrity, "expands more than ", kMaxExpansion,
                  " times: this is a decompression bomb");
    return produced;
  }

 protected:
  virtual size_t produce(std::span<char> buffer) = 0;
  // The next piece of input; empty at its end.
  std::span<char> next_input() {
    const size_t got = from_->read(input_);
    taken_in_ += got;
    return std::span<char>(input_).first(got);
  }

 private:
  ByteSource* from_;
  std::vector<char> input_;
  uint64_t taken_in_ = 0;
  uint64_t taken_out_ = 0;
};

class GzipSource final : public Inflater {
 public:
  explicit GzipSource(ByteSource& from) : Inflater(from), state_(std::make_unique<inflate_state>()) {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

 private:
  size_t produce(std::span<char> buffer) override {
    state_->next_out = reinterpret_cast<uint8_t*>(buffer.data());
    state_->avail_out = static_cast<uint32_t>(std::min<size_t>(buffer.size(), 1u << 30));
    const uint32_t room = state_->avail_out;
    while (state_->avail_out == room) {
      if (between_members_ && !next_member()) return 0;
      const int result = isal_inflate(state_.get());
      if (result == ISAL_INCORRECT_CHECKSUM) damaged("gzip", "checksum mismatch");
      if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) damaged("gzip", "invalid stream");
      between_members_ = state_->block_state == ISAL_BLOCK_FINISH;
      // Only when nothing came out is more input needed: ISA-L may hold output that did not fit last time.
      const bool starved = state_->avail_out == room && state_->avail_in == 0 && !between_members_;
      if (starved && !refill()) damaged("gzip", "it ends too early");
    }
    return room - state_->avail_out;
  }

  bool refill() {
    const std::span<char> input = next_input();
    state_->next_in = reinterpret_cast<uint8_t*>(input.data());
    state_->avail_in = static_cast<uint32_t>(input.size());
    return !input.empty();
  }

  // gzip(1) writes members one after the other when files are concatenated, and tape padding ends in zeros.
  bool next_member() {
    if (state_->avail_in == 0 && !refill()) return false;
    if (*state_->next_in == 0) {
      skip_padding();
      return false;
    }
    isal_inflate_reset(state_.get());  // keeps the buffers and crc_flag
    return true;
  }

  void skip_padding() {
    do {
      for (; state_->avail_in; --state_->avail_in)
        if (*state_->next_in++ != 0) damaged("gzip", "something follows the last member");
    } while (refill());
  }

  std::unique_ptr<inflate_state> state_;
  bool between_members_ = false;
};

class ZstdSource final : public Inflater {
 public:
  explicit ZstdSource(ByteSource& from) : Inflater(from), stream_(ZSTD_createDCtx()) {
    // 128 MiB, what every decoder must support (RFC 8878, 3.1.1.1.2 asks for 8): a 2 GiB window is refused.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  size_t produce(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0) {
      const bool at_end = in_.pos == in_.size && !refill();
      if (at_end && between_frames_) return 0;
      // Also at the end: the library may hold output that did not fit last time.
      const size_t result = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(result)) damaged("zstd", ZSTD_getErrorName(result));
      between_frames_ = result == 0;
      if (at_end && out.pos == 0 && !between_frames_) damaged("zstd", "it ends too early");
    }
    return out.pos;
  }

  bool refill() {
    const std::span<char> input = next_input();
    in_ = {input.data(), input.size(), 0};
    return !input.empty();
  }

  std::unique_ptr<ZSTD_DCtx, Free> stream_;
  ZSTD_inBuffer in_{};
  bool between_frames_ = false;
};

class PassThrough final : public ByteSource {
 public:
  explicit PassThrough(ByteSource& from) : from_(&from) {}
  size_t read(std::span<char> buffer) override { return from_->read(buffer); }

 private:
  ByteSource* from_;
};

struct Magic {
  std::string_view bytes;
  std::string_view name;
  std::string_view tool;
};
constexpr Magic kUnsupported[] = {
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "xz", "xz -d"},
    {"BZh", "bzip2", "bzip2 -d"},
    {"\x04\x22\x4d\x18", "lz4", "lz4 -d"},
    {"PK\x03\x04", "zip", "unzip"},
};

}  // namespace

Compression detect_compression(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  // A skippable frame may come first (RFC 8878, 3.1.2): estargz and zstd:chunked write them.
  if (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == "\x2a\x4d\x18")
    return Compression::kZstd;
  for (const Magic& magic : kUnsupported) {
    if (!head.starts_with(magic.bytes)) continue;
    Error error(ErrorKind::kUnsupported, "it is compressed with ", magic.name,
                "; crun-lite reads gzip, zstd and uncompressed archives");
    throw error.with_remedy(cat("decompress it first, with ", magic.tool));
  }
  return Compression::kNone;
}

std::unique_ptr<ByteSource> inflate(ByteSource& from, Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipSource>(from);
    case Compression::kZstd:
      return std::make_unique<ZstdSource>(from);
    case Compression::kNone:
      break;
  }
  return std::make_unique<PassThrough>(from);
}

}  // namespace crunlite::archive
