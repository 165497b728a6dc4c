// SPDX-License-Identifier: Apache-2.0
#include "oci/image.h"

#include <algorithm>

#include "base/error.h"

namespace crunlite::oci {
namespace {

using json::Reader;

struct MediaTypeName {
  std::string_view name;
  MediaType type;
};

// image-spec media-types.md, and the docker types it lists as compatible.
constexpr MediaTypeName kMediaTypes[] = {
    {kOciManifest, {MediaKind::kManifest}},
    {"application/vnd.docker.distribution.manifest.v2+json", {MediaKind::kManifest}},
    {kOciIndex, {MediaKind::kIndex}},
    {"application/vnd.docker.distribution.manifest.list.v2+json", {MediaKind::kIndex}},
    {kOciConfig, {MediaKind::kConfig}},
    {"application/vnd.docker.container.image.v1+json", {MediaKind::kConfig}},
    {kOciLayer, {MediaKind::kLayer, Compression::kNone}},
    {"application/vnd.oci.image.layer.v1.tar+gzip", {MediaKind::kLayer, Compression::kGzip}},
    {"application/vnd.oci.image.layer.v1.tar+zstd", {MediaKind::kLayer, Compression::kZstd}},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar",
     {MediaKind::kLayer, Compression::kNone, true}},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
     {MediaKind::kLayer, Compression::kGzip, true}},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
     {MediaKind::kLayer, Compression::kZstd, true}},
    {"application/vnd.docker.image.rootfs.diff.tar", {MediaKind::kLayer, Compression::kNone}},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", {MediaKind::kLayer, Compression::kGzip}},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", {MediaKind::kLayer, Compression::kZstd}},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
     {MediaKind::kLayer, Compression::kGzip, true}},
};

std::string require_digest(const Reader& reader, std::string_view key) {
  std::string digest = reader.require<std::string>(key);
  if (!digest.empty() && !is_sha256_digest(digest))
    reader.at(key).problem(cat(quote(digest), " is not sha256: and 64 hex digits"));
  return digest;
}

std::map<std::string, std::string> annotations_of(const Reader& reader) {
  return reader.get<std::map<std::string, std::string>>("annotations", {});
}

Descriptor decode_descriptor(const Reader& reader) {
  Descriptor out;
  out.media_type = reader.require<std::string>("mediaType");
  out.digest = require_digest(reader, "digest");
  out.size = reader.require<uint64_t>("size");
  out.annotations = annotations_of(reader);
  if (reader.has("platform")) {
    const Reader platform = reader.at("platform");
    out.platform = Platform{.os = platform.get<std::string>("os", ""),
                            .architecture = platform.get<std::string>("architecture", ""),
                            .variant = platform.get<std::string>("variant", "")};
  }
  return out;
}

// "ExposedPorts": {"80/tcp": {}}: Go's way to write a set.
std::vector<std::string> decode_set(const Reader& reader, std::string_view key) {
  std::vector<std::string> out;
  if (!reader.has(key)) return out;
  reader.at(key).each_member([&](const std::string& name, const Reader&) { out.push_back(name); });
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> decode_list(const Reader& reader, std::string_view key) {
  return reader.get<std::vector<std::string>>(key, {});
}

HealthCheck decode_health_check(const Reader& reader) {
  return {.test = decode_list(reader, "Test"),
          .interval = reader.get<int64_t>("Interval", 0),
          .timeout = reader.get<int64_t>("Timeout", 0),
          .start_period = reader.get<int64_t>("StartPeriod", 0),
          .start_interval = reader.get<int64_t>("StartInterval", 0),
          .retries = reader.get<int64_t>("Retries", 0)};
}

ImageRunConfig decode_run_config(const Reader& reader) {
  ImageRunConfig out;
  out.user = reader.get<std::string>("User", "");
  out.exposed_ports = decode_set(reader, "ExposedPorts");
  out.env = decode_list(reader, "Env");
  out.entrypoint = decode_list(reader, "Entrypoint");
  out.cmd = decode_list(reader, "Cmd");
  out.volumes = decode_set(reader, "Volumes");
  out.working_dir = reader.get<std::string>("WorkingDir", "");
  out.labels = reader.get<std::map<std::string, std::string>>("Labels", {});
  out.stop_signal = reader.get<std::string>("StopSignal", "");
  out.stop_timeout = reader.get_optional<int64_t>("StopTimeout");
  if (reader.has("Healthcheck")) out.health_check = decode_health_check(reader.at("Healthcheck"));
  out.shell = decode_list(reader, "Shell");
  out.on_build = decode_list(reader, "OnBuild");
  return out;
}

ImageHistory decode_history(const Reader& reader) {
  return {.created = reader.get<std::string>("created", ""),
          .created_by = reader.get<std::string>("created_by", ""),
          .author = reader.get<std::string>("author", ""),
          .comment = reader.get<std::string>("comment", ""),
          .empty_layer = reader.get<bool>("empty_layer", false)};
}

bool require_member(const Reader& reader, std::string_view key) {
  const bool there = reader.has(key);
  if (!there) reader.problem(cat("the member ", quote(key), " is missing"));
  return there;
}

void check_schema_version(const Reader& reader) {
  const int64_t version = reader.require<int64_t>("schemaVersion");
  if (reader.has("schemaVersion") && version != 2)
    reader.at("schemaVersion").problem(cat("version ", version, " is not supported, only 2"));
}

std::string check_media_type(const Reader& reader, MediaKind kind, std::string_view expected) {
  std::string type = reader.get<std::string>("mediaType", "");
  if (type.empty()) return type;
  if (classify_media_type(type).kind != kind)
    reader.at("mediaType").problem(cat(quote(type), " is not what this document is used as"));
  if (!expected.empty() && type != expected)
    reader.at("mediaType").problem(cat(quote(type), ", but the descriptor says ", quote(expected)));
  return type;
}

void refuse_members(const Reader& reader, std::initializer_list<std::string_view> keys,
                    std::string_view what) {
  for (const std::string_view key : keys)
    if (reader.has(key)) reader.problem(cat("has ", quote(key), ", which makes it ambiguous: ", what));
}

// Parses, decodes and throws all problems as one error.
template <class Decode>
auto decode_document(std::string_view bytes, std::string_view name, Decode decode) {
  json::Value document;
  try {
    document = json::parse(bytes, name, {.bytes = kMaxImageDocument});
  } catch (const Error& error) {
    throw Error(ErrorKind::kIntegrity, error.what());
  }
  std::vector<std::string> problems;
  auto out = decode(Reader(document, problems));
  if (!problems.empty()) {
    if (problems.size() > 10) problems.resize(10);
    throw Error(ErrorKind::kIntegrity, name, ": ", printable(join(problems, "; ")));
  }
  return out;
}

}  // namespace

bool is_sha256_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (text.size() != kPrefix.size() + 64 || !text.starts_with(kPrefix)) return false;
  return text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string_view digest_hex(std::string_view digest) {
  return digest.substr(digest.find(':') + 1);
}

MediaType classify_media_type(std::string_view name) {
  for (const MediaTypeName& row : kMediaTypes)
    if (row.name == name) return row.type;
  return {};
}

Manifest decode_manifest(std::string_view bytes, std::string_view name,
                         std::string_view expected_media_type) {
  return decode_document(bytes, name, [&](const Reader& reader) {
    Manifest out;
    check_schema_version(reader);
    out.media_type = check_media_type(reader, MediaKind::kManifest, expected_media_type);
    refuse_members(reader, {"manifests", "fsLayers"}, "it could be read as an index or a schema 1 manifest");
    if (require_member(reader, "config")) out.config = decode_descriptor(reader.at("config"));
    require_member(reader, "layers");
    reader.each("layers", [&](const Reader& layer) { out.layers.push_back(decode_descriptor(layer)); });
    out.annotations = annotations_of(reader);
    return out;
  });
}

Index decode_index(std::string_view bytes, std::string_view name, std::string_view expected_media_type) {
  return decode_document(bytes, name, [&](const Reader& reader) {
    Index out;
    check_schema_version(reader);
    out.media_type = check_media_type(reader, MediaKind::kIndex, expected_media_type);
    refuse_members(reader, {"config", "layers", "fsLayers"}, "it could be read as a manifest");
    reader.each("manifests", [&](const Reader& entry) { out.manifests.push_back(decode_descriptor(entry)); });
    out.annotations = annotations_of(reader);
    return out;
  });
}

ImageConfig decode_image_config(std::string_view bytes, std::string_view name) {
  return decode_document(bytes, name, [&](const Reader& reader) {
    ImageConfig out;
    out.created = reader.get<std::string>("created", "");
    out.author = reader.get<std::string>("author", "");
    out.architecture = reader.get<std::string>("architecture", "");
    out.os = reader.get<std::string>("os", "");
    out.os_version = reader.get<std::string>("os.version", "");
    out.variant = reader.get<std::string>("variant", "");
    if (reader.has("config")) out.config = decode_run_config(reader.at("config"));
    if (require_member(reader, "rootfs")) {
      const Reader rootfs = reader.at("rootfs");
      if (rootfs.get<std::string>("type", "layers") != "layers")
        rootfs.at("type").problem("is not \"layers\"");
      rootfs.each("diff_ids", [&](const Reader& entry) {
        out.diff_ids.push_back(entry.as<std::string>(""));
        if (!is_sha256_digest(out.diff_ids.back()))
          entry.problem(cat(quote(out.diff_ids.back()), " is not sha256: and 64 hex digits"));
      });
    }
    reader.each("history", [&](const Reader& entry) { out.history.push_back(decode_history(entry)); });
    return out;
  });
}

}  // namespace crunlite::oci
