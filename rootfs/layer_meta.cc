// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_meta.h"

#include "base/error.h"
#include "base/json.h"

namespace crunlite::rootfs {
namespace {

// Far more than 65,536 implicit directories need (rootfs/layer_tree.h).
constexpr size_t kMaxMetaBytes = 64u << 20;

}  // namespace

std::string escape_name(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '%') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string unescape_name(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned byte = 0;
    const bool escaped = text[0] == '%' && text.size() >= 3 &&
                         std::from_chars(text.data() + 1, text.data() + 3, byte, 16).ptr == text.data() + 3;
    out += escaped ? static_cast<char>(byte) : text[0];
    text.remove_prefix(escaped ? 3 : 1);
  }
  return out;
}

std::string encode_layer_meta(const LayerMeta& meta) {
  json::Array implicit;
  for (const std::string& path : meta.implicit_dirs) implicit.push_back(escape_name(path));
  return json::dump(json::Object{{"diffID", meta.diff_id},
                                 {"size", meta.size},
                                 {"entries", meta.entries},
                                 {"tarSize", meta.tar_size},
                                 {"implicitDirs", std::move(implicit)},
                                 {"opaqueRoot", meta.opaque_root}});
}

LayerMeta decode_layer_meta(std::string_view bytes, std::string_view name) {
  const json::Value document = json::parse(bytes, name, {.bytes = kMaxMetaBytes});
  std::vector<std::string> problems;
  const json::Reader reader(document, problems);
  LayerMeta meta;
  meta.diff_id = reader.require<std::string>("diffID");
  meta.size = reader.require<uint64_t>("size");
  meta.entries = reader.get<uint64_t>("entries", 0);
  meta.tar_size = reader.get<uint64_t>("tarSize", 0);
  for (const std::string& path : reader.get<std::vector<std::string>>("implicitDirs", {}))
    meta.implicit_dirs.push_back(unescape_name(path));
  meta.opaque_root = reader.get<bool>("opaqueRoot", false);
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", join(problems, "; "));
  return meta;
}

}  // namespace crunlite::rootfs
