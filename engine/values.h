// SPDX-License-Identifier: Apache-2.0
// The small grammars that `run`'s flags and config.yaml share: sizes, CPU counts, ulimits, volumes, user and
// security options. Pure text to value, with docker's words for what is wrong. Nothing here looks at the
// machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::engine {

// "512m", "1.5g", "4096": bytes, suffixes b k m g t p in powers of 1024, either case, "kb" and "kib" too.
// Throws Error(kUsage).
int64_t parse_size(std::string_view text);

// "1.5": billionths of a CPU, at least 0.01. Throws Error(kUsage).
int64_t parse_cpus(std::string_view text);

// "nofile=1024:4096" or "core=-1". Throws Error(kUsage) for unknown names and for soft > hard.
oci::Rlimit parse_ulimit(std::string_view text);

// "-v": SRC:DST[:OPTIONS], or DST alone for an anonymous volume.
struct Volume {
  std::string source;  // an absolute host path, a volume's name, or empty: anonymous
  std::string destination;
  bool readonly = false;
  bool copy_from_image = true;  // "nocopy" turns it off
  std::string propagation = "rprivate";

  bool is_bind() const { return !source.empty() && source.front() == '/'; }
};
// A relative source ("./data") is taken below `working_dir`. Throws Error(kUsage).
Volume parse_volume(std::string_view text, std::string_view working_dir);

// "--tmpfs /run:size=64m,mode=1777".
oci::Mount parse_tmpfs(std::string_view text);

// The absolute path without ".", ".." and double slashes, as the text says it (links are not looked at).
std::string clean_path(std::string_view path);

// "[a-zA-Z0-9][a-zA-Z0-9_.-]+": what containers and volumes may be called.
bool is_name(std::string_view text);

}  // namespace crunlite::engine
