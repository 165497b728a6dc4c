// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_unpack.h"

#include <sched.h>
#include <sys/stat.h>

#include <functional>
#include <thread>

#include "archive/bounded_pipe.h"
#include "archive/digest.h"
#include "archive/inflate.h"
#include "archive/tar_reader.h"
#include "base/error.h"
#include "rootfs/layer_writer.h"

namespace crunlite::rootfs {
namespace {

using archive::BoundedPipe;
using archive::ByteSource;

// tar pads to a multiple of its record size; more than this is not padding but a way to keep us busy.
constexpr uint64_t kMaxPadding = 64u << 20;

// What the reading thread finds out.
struct StreamFacts {
  std::string blob_digest;
  uint64_t blob_size = 0;
  Compression compression = Compression::kNone;
  std::string diff_id;
  uint64_t tar_size = 0;
};

// blob -> digest -> inflate -> digest -> pipe, to the blob's last byte.
StreamFacts pump(ByteSource& blob, BoundedPipe& pipe) {
  StreamFacts facts;
  archive::DigestingSource digested(blob);
  std::string head(6, '\0');
  size_t have = 0;
  for (size_t got = 1; got && have < head.size(); have += got)
    got = digested.read(std::span<char>(head).subspan(have));
  head.resize(have);
  facts.compression = archive::detect_compression(head);
  archive::PrefixedSource whole(head, digested);
  const std::unique_ptr<ByteSource> tar = archive::inflate(whole, facts.compression);
  archive::DigestingSource content(*tar);
  for (;;) {
    const std::span<char> room = pipe.wait_for_room();
    if (room.empty()) return facts;  // the other thread has failed and says why
    const size_t got = content.read(room);
    if (got == 0) break;
    pipe.push(got);
  }
  facts.blob_size = digested.size();
  facts.blob_digest = digested.finish();
  facts.tar_size = content.size();
  facts.diff_id = content.finish();
  return facts;
}

// Everything behind the end-of-archive marker counts for the digest and for nothing else.
void drain_padding(ByteSource& tar) {
  std::vector<char> buffer(64u << 10);
  uint64_t padding = 0;
  while (const size_t got = tar.read(buffer)) {
    padding += got;
    if (padding > kMaxPadding)
      throw Error(ErrorKind::kIntegrity, "more than ", kMaxPadding, " bytes follow the end of the archive");
  }
}

// umask and working directory belong to this thread from now on (clone(2), CLONE_FS).
void own_thread_attributes() {
  check(sys::unshare(CLONE_FS), "unshare(CLONE_FS)");
  ::umask(0);
}

// Runs pump() in this thread and `consume` in one of its own. The first failure is the error: a failing pump
// reaches the consumer through the pipe, a failing consumer abandons the pipe.
StreamFacts run_pipeline(ByteSource& blob, const std::function<void(ByteSource&)>& consume) {
  BoundedPipe pipe;
  std::exception_ptr error;
  std::thread consumer([&] {
    try {
      own_thread_attributes();
      consume(pipe);
      drain_padding(pipe);
    } catch (...) {
      error = std::current_exception();
      pipe.abandon();
    }
  });
  StreamFacts facts;
  try {
    facts = pump(blob, pipe);
    pipe.finish();
  } catch (...) {
    pipe.finish(std::current_exception());
  }
  consumer.join();
  if (error) std::rethrow_exception(error);
  return facts;
}

UnpackedLayer result_of(StreamFacts facts, LayerMeta meta) {
  meta.diff_id = std::move(facts.diff_id);
  meta.tar_size = facts.tar_size;
  return {.blob_digest = std::move(facts.blob_digest),
          .blob_size = facts.blob_size,
          .compression = facts.compression,
          .meta = std::move(meta)};
}

}  // namespace

UnpackedLayer unpack_layer(ByteSource& blob, UniqueFd diff, UniqueFd scratch) {
  LayerWriter writer(std::move(diff), std::move(scratch));
  const StreamFacts facts = run_pipeline(blob, [&](ByteSource& tar) {
    archive::TarReader reader(tar);
    while (std::optional<archive::TarEntry> entry = reader.next()) writer.write(*entry, reader);
    writer.finish();
  });
  UnpackedLayer out = result_of(facts, writer.meta());
  out.warnings = writer.warnings();
  out.warning_count = writer.warning_count();
  return out;
}

UnpackedLayer check_layer(ByteSource& blob) {
  LayerMeta meta;
  const StreamFacts facts = run_pipeline(blob, [&](ByteSource& tar) {
    archive::TarReader reader(tar);
    while (std::optional<archive::TarEntry> entry = reader.next()) {
      plan_entry(*entry);
      meta.size += entry->size;
      ++meta.entries;
    }
  });
  return result_of(facts, std::move(meta));
}

}  // namespace crunlite::rootfs
