// SPDX-License-Identifier: Apache-2.0
// containerd's config.toml with crun-lite as a runtime handler of its CRI plug-in. The file is edited as
// lines, not as TOML: a block of ours at its end, between two marks, and one line for the default; the rest
// stays to the byte. A drop-in would not do: containerd 1.6 lets an imported file replace the plug-in's whole
// section.
#pragma once

#include <optional>
#include <string>

namespace crunlite::cmd {

struct ContainerdOptions {
  std::string runtime;  // absolute path
  bool make_default = false;
  bool systemd_cgroup = false;
};

// `existing` is the content of the file `path`, if it is there. Throws Error(kUnsupported) for the first
// format, Error(kExists) where crun-lite is configured by hand already.
std::string containerd_config(const std::optional<std::string>& existing, const std::string& path,
                              const ContainerdOptions& options);

}  // namespace crunlite::cmd
