// SPDX-License-Identifier: Apache-2.0
#include "engine/load_image.h"

#include <time.h>

#include <set>

#include "archive/digest.h"
#include "archive/inflate.h"
#include "base/error.h"
#include "engine/load_layers.h"
#include "image/archived_image.h"
#include "image/transaction.h"
#include "rootfs/layer_merge.h"

namespace crunlite::engine {
namespace {

using image::ArchivedImage;
using image::ImageFiles;

// Copies a stream that cannot be read twice, or not at any offset, to a file without a name.
UniqueFd spool(archive::ByteSource& from, const image::Transaction& transaction) {
  UniqueFd file = transaction.scratch_file();
  std::vector<char> buffer(256u << 10);
  while (const size_t got = from.read(buffer))
    check(sys::write_all(file.get(), {buffer.data(), got}), "store the archive");
  return file;
}

// An uncompressed plain file is read where it is; everything else is spooled.
std::unique_ptr<ImageFiles> open_tar(UniqueFd input, const std::string& name,
                                     const image::Transaction& transaction) {
  const struct stat st = check(sys::fstat(input.get()), "stat ", name);
  if (S_ISDIR(st.st_mode)) throw Error(ErrorKind::kUsage, name, ": is a directory");
  archive::StreamSource stream(input.get(), name);
  std::string head(6, '\0');
  size_t have = 0;
  for (size_t got = 1; got && have < head.size(); have += got)
    got = stream.read(std::span<char>(head).subspan(have));
  head.resize(have);
  if (head.empty()) throw Error(ErrorKind::kIntegrity, "it is empty");
  const Compression compression = archive::detect_compression(head);
  if (S_ISREG(st.st_mode) && compression == Compression::kNone)
    return image::open_image_tar(std::move(input));
  archive::PrefixedSource whole(head, stream);
  return image::open_image_tar(spool(*archive::inflate(whole, compression), transaction));
}

std::unique_ptr<ImageFiles> open_input(const LoadRequest& request, const image::Transaction& transaction) {
  if (request.fd >= 0)
    return open_tar(check(sys::dup(request.fd), "read standard input"), "standard input", transaction);
  UniqueFd input = check(sys::open_at(AT_FDCWD, request.input.c_str(), O_RDONLY | O_NOCTTY), "open ",
                         printable(request.input));
  if (S_ISDIR(check(sys::fstat(input.get()), "stat ", request.input).st_mode))
    return image::open_image_directory(request.input);
  return open_tar(std::move(input), printable(request.input), transaction);
}

// "/tmp/My App.oci.tar" -> "" (no repository name), "/tmp/app.tar" -> "app".
std::string repository_from(const std::string& input) {
  std::string name = input;
  while (name.ends_with('/')) name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  name = name.substr(0, name.find('.'));
  try {
    return image::parse_reference(name).tag.empty() ? name : "";
  } catch (const Error&) {
    return "";
  }
}

// docker's archives have no manifest; push and save want one, so it is written down as for plain tars.
std::string manifest_of(const ArchivedImage& image, const image::Transaction& transaction) {
  if (!image.manifest.empty()) return image.manifest;
  oci::Manifest manifest{.media_type = std::string(oci::kOciManifest)};
  manifest.config = {
      .media_type = std::string(oci::kOciConfig), .digest = image.id, .size = image.config.size()};
  for (const image::ArchivedLayer& layer : image.layers) {
    const auto meta = rootfs::decode_layer_meta(transaction.read_layer_meta(layer.diff_id), layer.diff_id);
    manifest.layers.push_back(
        {.media_type = std::string(oci::kOciLayer), .digest = layer.diff_id, .size = meta.tar_size});
  }
  return json::dump(oci::encode(manifest));
}

// Decides overlay's lowers for the image, and makes the merge layer where one is needed.
image::ImageRecord compose(const ArchivedImage& image, image::Transaction& transaction) {
  image::ImageRecord record{.id = image.id, .stored_at = ::time(nullptr)};
  std::vector<rootfs::LayerMeta> metas;
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer) {
    metas.push_back(rootfs::decode_layer_meta(transaction.read_layer_meta(layer->diff_id), layer->diff_id));
    record.size += metas.back().size;
  }
  std::vector<const rootfs::LayerMeta*> all;
  for (const rootfs::LayerMeta& meta : metas) all.push_back(&meta);
  std::vector<rootfs::LayerView> views;
  for (const size_t i : rootfs::effective_layers(all)) {
    views.push_back({.diff = transaction.layer_dir(metas[i].diff_id), .meta = &metas[i]});
    record.dirs.push_back(image::Store::layer_path(metas[i].diff_id) + "/diff");
  }
  const UniqueFd merge = transaction.begin_merge(image.id);
  // An image without layers still needs a directory to stand on.
  if (rootfs::make_merge_layer(views, merge.get()) || views.empty()) {
    transaction.keep_merge(image.id);
    record.dirs.insert(record.dirs.begin(), image::Store::merge_path(image.id) + "/diff");
  }
  return record;
}

void add_image(const ArchivedImage& image, const image::Store& store, image::Transaction& transaction,
               LoadReport& report) {
  image::ImageRecord record = compose(image, transaction);
  const std::string manifest = manifest_of(image, transaction);
  record.manifest_digest = archive::sha256_of(manifest);
  transaction.add_blob(image.id, image.config);
  transaction.add_blob(record.manifest_digest, manifest);
  transaction.add_image(record);
  LoadedImage loaded{.id = image.id};
  for (const image::Reference& name : image.names) {
    const std::optional<std::string> before = store.id_of(name);
    if (before && *before != image.id) report.moved.push_back({.name = name.familiar(), .old_id = *before});
    transaction.add_name(name, image.id);
    loaded.names.push_back(name.familiar());
  }
  report.images.push_back(std::move(loaded));
}

// An index is read for its platform. An archive of docker has none, and each image's config speaks for
// itself.
void check_platform(const ArchivedImage& image, const oci::Platform& wanted) {
  const oci::ImageConfig& config = image.decoded;
  if (wanted.os.empty() || !image.manifest.empty() || config.architecture == wanted.architecture) return;
  throw Error(ErrorKind::kNotFound, "no image for ", printable(wanted.os), "/",
              printable(wanted.architecture), " in the archive; it has ", printable(config.os), "/",
              printable(config.architecture));
}

}  // namespace

LoadReport load_images(const image::Store& store, const LoadRequest& request) {
  const std::string what = request.fd >= 0 ? "standard input" : printable(request.input);
  return with_context(cat("load ", what), [&] {
    image::Transaction transaction(store);
    const std::unique_ptr<ImageFiles> files = open_input(request, transaction);
    image::ReadOptions options{.repository = request.fd >= 0 ? "" : repository_from(request.input),
                               .platform = request.platform};
    if (options.platform.os.empty()) options.platform = image::host_platform();
    const std::vector<ArchivedImage> images = image::read_images(*files, options);
    for (const ArchivedImage& image : images) check_platform(image, request.platform);
    LoadReport report;
    report.warnings = load_layers(images, *files, store, transaction);
    for (const ArchivedImage& image : images) add_image(image, store, transaction, report);
    transaction.commit();
    return report;
  });
}

}  // namespace crunlite::engine
