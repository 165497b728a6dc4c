// SPDX-License-Identifier: Apache-2.0
// A bundle: a directory with a config.json and, usually, the root file system. Read once, at create; later
// edits have no effect (runtime.md, Create).
#pragma once

#include <string>

#include "oci/spec.h"

namespace crunlite::runtime {

struct Bundle {
  std::string path;  // absolute, without links
  std::string text;  // config.json as it was read
  oci::Spec spec;
  std::string rootfs;  // absolute
};

// `config_file` is relative to the bundle unless absolute. Throws Error(kConfig) with everything that is
// wrong with it by JSON pointer, or with line and column when it is not JSON.
Bundle load_bundle(const std::string& path, const std::string& config_file);

// The same for a text that is at hand; `name` is what messages call it.
oci::Spec decode_config(std::string_view text, const std::string& name);

// The same path, absolute and without links. Throws SysError when it is not a directory.
std::string absolute_directory(const std::string& path);

}  // namespace crunlite::runtime
