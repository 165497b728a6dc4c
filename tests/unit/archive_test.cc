// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <cstring>
#include <thread>

#include "archive/bounded_pipe.h"
#include "archive/digest.h"
#include "archive/inflate.h"
#include "archive/tar_reader.h"
#include "base/error.h"

namespace crunlite::archive {
namespace {

using testing::HasSubstr;

// Gives at most `step` bytes at a time: the seams must not matter.
class TextSource final : public ByteSource {
 public:
  TextSource(std::string text, size_t step) : text_(std::move(text)), step_(step) {}
  size_t read(std::span<char> buffer) override {
    const size_t n = std::min({buffer.size(), step_, text_.size() - at_});
    std::memcpy(buffer.data(), text_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  size_t step_;
  size_t at_ = 0;
};

std::string gzip(const std::string& text) {
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  std::string out(text.size() + 1024, '\0');
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uint32_t>(text.size());
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = static_cast<uint32_t>(out.size());
  EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
  out.resize(stream.total_out);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

std::string undo(const std::string& packed, Compression compression, size_t in_step, size_t out_step) {
  TextSource source(packed, in_step);
  const std::unique_ptr<ByteSource> inflated = inflate(source, compression);
  std::string out;
  std::vector<char> buffer(out_step);
  while (const size_t got = inflated->read(buffer)) out.append(buffer.data(), got);
  return out;
}

std::string sample(size_t size) {
  std::string out;
  for (unsigned x = 1; out.size() < size; x = x * 1103515245 + 12345) out += cat(x >> 16, " ");
  out.resize(size);
  return out;
}

TEST(Inflate, SeamsDoNotMatter) {
  const std::string text = sample(300000);
  const std::string two = gzip(text.substr(0, 1000)) + gzip(text.substr(1000));
  const std::string frames = zstd(text.substr(0, 1000)) + zstd(text.substr(1000));
  for (const size_t in : {1u, 7u, 4096u, 1u << 20}) {
    for (const size_t out : {13u, 4096u, 1u << 20}) {
      EXPECT_EQ(undo(two, Compression::kGzip, in, out), text) << in << " " << out;
      EXPECT_EQ(undo(frames, Compression::kZstd, in, out), text) << in << " " << out;
    }
  }
}

TEST(Inflate, TakesEmptyMembersAndTapePadding) {
  EXPECT_EQ(undo(gzip("") + gzip("x") + gzip("") + std::string(5000, '\0'), Compression::kGzip, 100, 100),
            "x");
  EXPECT_EQ(undo(zstd(""), Compression::kZstd, 1, 1), "");
}

TEST(Inflate, EveryCutIsNoticed) {
  const std::string text = sample(2000);
  for (const auto& [packed, how] :
       {std::pair(gzip(text), Compression::kGzip), std::pair(zstd(text), Compression::kZstd)})
    for (size_t keep = 0; keep < packed.size(); keep += 5)
      EXPECT_THROW(undo(packed.substr(0, keep), how, 64, 512), Error) << keep;
}

TEST(Inflate, ChangedBytesAreNoticed) {
  std::string packed = gzip(sample(2000));
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  EXPECT_THROW(undo(packed, Compression::kGzip, 64, 512), Error);
}

TEST(Inflate, NamesWhatItCannotRead) {
  EXPECT_EQ(detect_compression("\x1f\x8b\x08"), Compression::kGzip);
  EXPECT_EQ(detect_compression("\x28\xb5\x2f\xfd"), Compression::kZstd);
  EXPECT_EQ(detect_compression("\x50\x2a\x4d\x18"), Compression::kZstd);
  EXPECT_EQ(detect_compression(""), Compression::kNone);
  try {
    detect_compression("BZh91AY");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("bzip2"));
    EXPECT_THAT(error.remedy(), HasSubstr("bzip2 -d"));
  }
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_of(""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(BoundedPipe, PassesBytesAndTheWritersError) {
  BoundedPipe pipe;
  const std::string text = sample(5'000'000);
  std::thread writer([&] {
    for (size_t at = 0; at < text.size();) {
      const std::span<char> room = pipe.wait_for_room();
      const size_t n = std::min({room.size(), text.size() - at, size_t{100'003}});
      std::memcpy(room.data(), text.data() + at, n);
      pipe.push(n);
      at += n;
    }
    pipe.finish(std::make_exception_ptr(Error(ErrorKind::kIntegrity, "cut")));
  });
  std::string got;
  std::vector<char> buffer(70'001);
  EXPECT_THROW(while (const size_t n = pipe.read(buffer)) got.append(buffer.data(), n), Error);
  writer.join();
  EXPECT_EQ(got, text);
}

TEST(BoundedPipe, AGoneReaderEndsTheWriter) {
  BoundedPipe pipe;
  std::thread writer([&] {
    while (!pipe.wait_for_room().empty()) pipe.push(1);
    pipe.finish();
  });
  char byte = 0;
  EXPECT_EQ(pipe.read({&byte, 1}), 1u);
  pipe.abandon();
  writer.join();
}

TEST(TarReader, AnEmptySourceIsAnEmptyArchive) {
  TextSource source("", 1);
  TarReader reader(source);
  EXPECT_FALSE(reader.next());
}

TEST(TarReader, PassesOnItsSourcesError) {
  class Failing final : public ByteSource {
    size_t read(std::span<char>) override { throw Error(ErrorKind::kIntegrity, "the disk is on fire"); }
  } source;
  try {
    TarReader reader(source);
    reader.next();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the disk is on fire");
  }
}

}  // namespace
}  // namespace crunlite::archive
