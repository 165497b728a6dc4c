// SPDX-License-Identifier: Apache-2.0
// image-spec's image-layout.md: index.json, and everything else by digest in blobs/.
#include "archive/digest.h"
#include "base/error.h"
#include "image/archived_image.h"

namespace crunlite::image {
namespace {

using oci::Descriptor;
using oci::MediaKind;

constexpr int kMaxIndexDepth = 4;
constexpr char kRefName[] = "org.opencontainers.image.ref.name";
// containerd, BuildKit and docker save put the full name here, and only the tag into the standard's.
constexpr char kContainerdName[] = "io.containerd.image.name";

std::string blob_file(const Descriptor& descriptor) {
  return cat("blobs/sha256/", oci::digest_hex(descriptor.digest));
}

// A document, checked against the descriptor that led to it.
std::string read_blob(const ImageFiles& files, const Descriptor& descriptor) {
  if (descriptor.size > oci::kMaxImageDocument) {
    throw Error(ErrorKind::kIntegrity, descriptor.digest, ": claims ", descriptor.size,
                " bytes; documents have at most ", oci::kMaxImageDocument);
  }
  std::string bytes = files.read_document(blob_file(descriptor));
  require_digest(bytes, descriptor.digest, descriptor.media_type);
  if (bytes.size() != descriptor.size) {
    throw Error(ErrorKind::kIntegrity, descriptor.digest, ": size mismatch: the archive says ",
                descriptor.size, ", the content has ", bytes.size(), " bytes");
  }
  return bytes;
}

bool fits(const Descriptor& descriptor, const oci::Platform& wanted) {
  return !descriptor.platform ||
         (descriptor.platform->os == wanted.os && descriptor.platform->architecture == wanted.architecture);
}

ArchivedLayer layer_of(const Descriptor& descriptor, const ImageFiles& files) {
  const oci::MediaType type = oci::classify_media_type(descriptor.media_type);
  if (type.kind != MediaKind::kLayer) {
    throw Error(ErrorKind::kUnsupported, "layer ", descriptor.digest, ": ", quote(descriptor.media_type),
                " is not a layer this program can read");
  }
  ArchivedLayer layer{.file = blob_file(descriptor),
                      .blob_digest = descriptor.digest,
                      .blob_size = descriptor.size,
                      .compression = type.compression};
  if (type.foreign && !files.has(layer.file))
    throw Error(ErrorKind::kIntegrity, "layer ", descriptor.digest,
                ": not distributable, and not in the archive");
  return layer;
}

ArchivedImage read_manifest(const ImageFiles& files, const Descriptor& descriptor) {
  ArchivedImage image;
  image.manifest = read_blob(files, descriptor);
  const oci::Manifest manifest =
      oci::decode_manifest(image.manifest, cat("manifest ", descriptor.digest), descriptor.media_type);
  if (oci::classify_media_type(manifest.config.media_type).kind != MediaKind::kConfig) {
    throw Error(ErrorKind::kUnsupported, "manifest ", descriptor.digest, ": holds ",
                quote(manifest.config.media_type), ", not a container image");
  }
  for (const Descriptor& layer : manifest.layers) image.layers.push_back(layer_of(layer, files));
  set_config(image, read_blob(files, manifest.config), cat("configuration ", manifest.config.digest));
  return image;
}

class LayoutReader {
 public:
  LayoutReader(const ImageFiles& files, const ReadOptions& options) : files_(files), options_(options) {}

  // The image behind an entry, through nested indexes; nothing when none is for this platform.
  std::optional<ArchivedImage> read(const Descriptor& descriptor, int depth = 0) {
    if (!fits(descriptor, options_.platform)) {
      others_.push_back(cat(descriptor.platform->os, "/", descriptor.platform->architecture));
      return std::nullopt;
    }
    switch (oci::classify_media_type(descriptor.media_type).kind) {
      case MediaKind::kManifest:
        return read_manifest(files_, descriptor);
      case MediaKind::kIndex:
        break;
      default:
        throw Error(ErrorKind::kIntegrity, descriptor.digest, ": ", quote(descriptor.media_type),
                    " is neither a manifest nor an index");
    }
    if (depth == kMaxIndexDepth) throw Error(ErrorKind::kIntegrity, "indexes within indexes within indexes");
    const oci::Index index = oci::decode_index(read_blob(files_, descriptor),
                                               cat("index ", descriptor.digest), descriptor.media_type);
    for (const Descriptor& entry : index.manifests)
      if (auto image = read(entry, depth + 1)) return image;
    return std::nullopt;
  }

  // "" or "; it has linux/arm64".
  std::string other_platforms() const {
    return others_.empty() ? "" : cat("; it has ", printable(join(others_, ", ")));
  }

 private:
  const ImageFiles& files_;
  const ReadOptions& options_;
  std::vector<std::string> others_;
};

// A name with a slash or colon is a full one; a bare word is a tag (image-spec annotations.md), which needs a
// repository to go with it.
std::optional<Reference> name_of(const Descriptor& descriptor, const ReadOptions& options) {
  const auto annotation = [&](const char* key) {
    const auto found = descriptor.annotations.find(key);
    return found == descriptor.annotations.end() ? std::string() : found->second;
  };
  const auto parse = [](const std::string& name) {
    return with_context("index.json: the image's name", [&] { return parse_reference_or_latest(name); });
  };
  if (const std::string full = annotation(kContainerdName); !full.empty()) return parse(full);
  const std::string name = annotation(kRefName);
  if (name.empty()) return std::nullopt;
  if (name.find_first_of("/:") != std::string::npos) return parse(name);
  if (options.repository.empty() || !is_valid_tag(name)) return std::nullopt;
  return parse(cat(options.repository, ":", name));
}

void check_layout_version(const ImageFiles& files) {
  if (!files.has("oci-layout")) throw Error(ErrorKind::kIntegrity, "index.json, but no oci-layout file");
  std::vector<std::string> problems;
  json::Value document;
  try {
    document = json::parse(files.read_document("oci-layout"), "oci-layout");
  } catch (const Error& error) {
    throw Error(ErrorKind::kIntegrity, error.what());
  }
  const auto version = json::Reader(document, problems).get<std::string>("imageLayoutVersion", "");
  if (version != "1.0.0")
    throw Error(ErrorKind::kUnsupported, "OCI layout version ", quote(version), " (only 1.0.0 is known)");
}

}  // namespace

std::vector<ArchivedImage> read_oci_layout(const ImageFiles& files, const ReadOptions& options) {
  check_layout_version(files);
  const oci::Index index = oci::decode_index(files.read_document("index.json"), "index.json", "");
  LayoutReader reader(files, options);
  std::vector<ArchivedImage> images;
  for (const Descriptor& entry : index.manifests) {
    std::optional<ArchivedImage> image = reader.read(entry);
    if (!image) continue;
    if (std::optional<Reference> name = name_of(entry, options)) image->names.push_back(std::move(*name));
    images.push_back(std::move(*image));
  }
  if (images.empty()) {
    throw Error(ErrorKind::kNotFound, "no image for ", options.platform.os, "/",
                options.platform.architecture, " in the archive", reader.other_platforms());
  }
  return images;
}

}  // namespace crunlite::image
