// SPDX-License-Identifier: Apache-2.0
#include "runtime/bundle.h"

#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "oci/codec.h"

namespace crunlite::runtime {
namespace {

// 4 MiB of JSON is far beyond any config.json that a caller writes; dockerd's is 30 kB.
constexpr size_t kConfigLimit = 4u << 20;

}  // namespace

oci::Spec decode_config(std::string_view text, const std::string& name) {
  std::vector<std::string> problems;
  oci::Spec spec = oci::decode_spec(json::parse(text, name), problems);
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", join(problems, "; "));
  return spec;
}

std::string absolute_directory(const std::string& path) {
  const UniqueFd dir =
      check(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY), "open directory ", path);
  char target[PATH_MAX];
  const size_t size =
      check(sys::readlink_at(AT_FDCWD, cat("/proc/self/fd/", dir.get()).c_str(), target, sizeof target),
            "resolve ", path);
  return std::string(target, size);
}

Bundle load_bundle(const std::string& path, const std::string& config_file) {
  Bundle bundle;
  bundle.path = with_context("bundle", [&] { return absolute_directory(path); });
  const std::string config = config_file.starts_with('/') ? config_file : cat(bundle.path, "/", config_file);
  bundle.text = read_file(AT_FDCWD, config, kConfigLimit);
  bundle.spec = decode_config(bundle.text, config);
  const std::string& root = bundle.spec.root.path;
  bundle.rootfs = root.starts_with('/') ? root : cat(bundle.path, "/", root);
  return bundle;
}

}  // namespace crunlite::runtime
