// SPDX-License-Identifier: Apache-2.0
// The configuration that each program needs to use crun-lite as its OCI runtime, as text: what `install`
// prints and writes. Pure: the files that are there already come in as text, and nothing is opened here.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crunlite::cmd {

struct CallerOptions {
  std::string runtime;          // absolute path of the program that the caller starts
  bool make_default = false;    // for containers that name no runtime
  bool systemd_cgroup = false;  // containerd says so for each runtime; the others for all of them
  std::string file;             // instead of the caller's own place; empty: there
};

struct CallerSetup {
  std::string path;     // absolute, on the machine that it is meant for
  std::string content;  // the whole file, as it should be
  std::string next;     // what makes the caller see it, and how it is asked for
};

// The content of a file that is there, or nothing.
using ExistingFile = std::function<std::optional<std::string>(const std::string& path)>;

// podman, buildah, docker, …
std::vector<std::string> caller_names();

// Throws Error(kUsage) for an unknown caller or an option that it has no use for, Error(kConfig) with the
// position for a file that cannot be read as what it should be, Error(kExists) for one that is somebody
// else's and cannot be added to.
CallerSetup setup_of(std::string_view name, const CallerOptions& options, const ExistingFile& existing);

}  // namespace crunlite::cmd
