// SPDX-License-Identifier: Apache-2.0
// config.yaml: what people want to say once instead of on every command line. The system's file is read
// first and the user's over it, key by key; a missing file is fine, a wrong one is an error that names the
// line. Documented in docs/config.md, whose table a test compares with the one here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/environment.h"
#include "engine/options.h"
#include "net/config.h"

namespace crunlite::engine {

struct RegistryDefaults {
  std::map<std::string, std::vector<std::string>> mirrors;  // registry -> mirrors, tried in order
  std::vector<std::string> insecure;                        // HOST[:PORT] that speak plain HTTP
};

struct Config {
  std::string storage_root = "/var/lib/crun-lite";
  std::string state_root = "/run/crun-lite";
  net::NetworkConfig network;   // its state_dir follows from state_root
  std::string publish_address;  // where -p without an address listens; empty: everywhere
  RegistryDefaults registries;
  RunOptions run;  // the starting point of every `run`: flags are applied over it
};

// Applies one file's text over `config`. Throws Error(kConfig): "FILE:LINE:COLUMN: what", one line per
// problem.
void apply_config(std::string_view text, const std::string& name, Config& config);

// Which files make up the configuration of this machine and caller.
struct ConfigFiles {
  std::string only;                  // if set, nothing else is read, and it must exist
  std::vector<std::string> layered;  // the later over the earlier; missing ones are skipped
};
// $CRUN_LITE_CONFIG alone, else /etc/crun-lite/config.yaml and $XDG_CONFIG_HOME/crun-lite/config.yaml
// (~/.config when unset). Empty variables count as unset: some callers export XDG_* empty.
ConfigFiles config_files(const LookUpVariable& look_up);

Config load_config(const ConfigFiles& files);

// Every key, "run.cap-add" and so on: for the test of docs/config.md.
std::vector<std::string> config_keys();

}  // namespace crunlite::engine
