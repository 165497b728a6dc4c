// SPDX-License-Identifier: Apache-2.0
#include "image/archived_image.h"

#include "archive/digest.h"
#include "base/error.h"

namespace crunlite::image {

void require_digest(std::string_view bytes, const std::string& digest, std::string_view name) {
  const std::string actual = archive::sha256_of(bytes);
  if (actual == digest) return;
  Error error(ErrorKind::kIntegrity, name, ": digest mismatch: the archive says ", digest,
              ", the content is ", actual);
  throw error.with_remedy("the archive is damaged or was altered: fetch it again");
}

void set_config(ArchivedImage& image, std::string bytes, const std::string& name) {
  image.config = std::move(bytes);
  image.id = archive::sha256_of(image.config);
  image.decoded = oci::decode_image_config(image.config, name);
  const size_t diff_ids = image.decoded.diff_ids.size();
  if (diff_ids != image.layers.size()) {
    throw Error(ErrorKind::kIntegrity, name, ": the configuration names ", diff_ids, " layers, the manifest ",
                image.layers.size());
  }
  if (diff_ids > kMaxLayers) {
    throw Error(ErrorKind::kUnsupported, name, ": has ", diff_ids, " layers; overlay can stack at most ",
                kMaxLayers)
        .with_remedy("squash the image (buildah build --squash, docker export)");
  }
  for (size_t i = 0; i < diff_ids; ++i) image.layers[i].diff_id = image.decoded.diff_ids[i];
}

std::vector<ArchivedImage> read_images(const ImageFiles& files, const ReadOptions& options) {
  // docker save writes both since 25.0; only manifest.json has all the names.
  if (files.has("manifest.json")) return read_docker_archive(files);
  if (files.has("index.json")) return read_oci_layout(files, options);
  throw Error(
      ErrorKind::kIntegrity,
      "neither manifest.json (docker save) nor index.json (OCI layout) is in it: not an image archive")
      .with_remedy("a root file system in a tar is not an image; it needs an import or a Dockerfile");
}

oci::Platform host_platform() {
#if defined(__x86_64__)
  return {.os = "linux", .architecture = "amd64"};
#elif defined(__aarch64__)
  return {.os = "linux", .architecture = "arm64"};
#elif defined(__riscv)
  return {.os = "linux", .architecture = "riscv64"};
#elif defined(__powerpc64__)
  return {.os = "linux", .architecture = "ppc64le"};
#elif defined(__s390x__)
  return {.os = "linux", .architecture = "s390x"};
#else
#error "which GOARCH is this?"
#endif
}

}  // namespace crunlite::image
