// SPDX-License-Identifier: Apache-2.0
// What docker save writes: manifest.json lists images with a configuration file, names and layer tars.
#include "base/error.h"
#include "image/archived_image.h"

namespace crunlite::image {
namespace {

using json::Reader;

bool is_hex64(std::string_view text) {
  return oci::is_sha256_digest(cat("sha256:", text));
}

// Both `<hex>.json` and `blobs/sha256/<hex>` say what the content's digest is. Older layer names
// (`<hex>/layer.tar`) carry an id that was never a digest of anything here.
std::string digest_in_name(const std::string& file) {
  constexpr std::string_view kBlobs = "blobs/sha256/";
  std::string_view name = file;
  if (name.starts_with(kBlobs)) {
    name.remove_prefix(kBlobs.size());
  } else if (name.ends_with(".json")) {
    name.remove_suffix(5);
  }
  return is_hex64(name) ? cat("sha256:", name) : "";
}

ArchivedImage read_entry(const Reader& entry, const ImageFiles& files, std::vector<std::string>& problems) {
  ArchivedImage image;
  const std::string config = entry.require<std::string>("Config");
  for (std::string& file : entry.get<std::vector<std::string>>("Layers", {}))
    image.layers.push_back({.file = file, .blob_digest = file.ends_with(".tar") ? "" : digest_in_name(file)});
  const auto names = entry.get<std::vector<std::string>>("RepoTags", {});
  if (!problems.empty()) return image;
  for (const std::string& name : names) {
    image.names.push_back(
        with_context("manifest.json: RepoTags", [&] { return parse_reference_or_latest(name); }));
  }
  std::string bytes = files.read_document(config);
  if (const std::string digest = digest_in_name(config); !digest.empty())
    require_digest(bytes, digest, quote(config));
  set_config(image, std::move(bytes), printable(config));
  return image;
}

}  // namespace

std::vector<ArchivedImage> read_docker_archive(const ImageFiles& files) {
  json::Value document;
  try {
    document = json::parse(files.read_document("manifest.json"), "manifest.json");
  } catch (const Error& error) {
    throw Error(ErrorKind::kIntegrity, error.what());
  }
  std::vector<std::string> problems;
  std::vector<ArchivedImage> images;
  for (const Reader& entry : Reader(document, problems).elements()) {
    images.push_back(read_entry(entry, files, problems));
    if (!problems.empty())
      throw Error(ErrorKind::kIntegrity, "manifest.json: ", printable(join(problems, "; ")));
  }
  if (!problems.empty())
    throw Error(ErrorKind::kIntegrity, "manifest.json: ", printable(join(problems, "; ")));
  if (images.empty()) throw Error(ErrorKind::kIntegrity, "manifest.json: names no image");
  return images;
}

}  // namespace crunlite::image
