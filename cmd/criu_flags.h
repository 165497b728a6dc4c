// SPDX-License-Identifier: Apache-2.0
// The flags of `checkpoint`, and those that `restore` shares with it (its others are in
// cmd/oci_create_flags.h); names and defaults are runc's.
#pragma once

#include <string>
#include <vector>

#include "cmd/grammar.h"
#include "runtime/checkpoint.h"

namespace crunlite::cmd {

// As the command line has them.
struct CriuFlags {
  std::string cgroup_mode;
  std::vector<std::string> empty_namespaces;
};

struct CheckpointFlags {
  runtime::CheckpointOptions options;
  CriuFlags criu;
  std::string status_fd;
  std::string page_server;
};
void describe(Grammar& grammar, CheckpointFlags& flags);

void add_criu_flags(Grammar& grammar, runtime::CriuSettings& settings, CriuFlags& flags);

// What the words of `flags` mean, where criu is and which file of options it is to read. Throws Error.
void complete_criu_settings(const CriuFlags& flags, runtime::CriuSettings& settings);

// "ADDRESS:PORT", an IPv6 address in brackets. Throws Error(kUsage).
runtime::CriuPageServer parse_page_server(const std::string& text);

}  // namespace crunlite::cmd
