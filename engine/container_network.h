// SPDX-License-Identifier: Apache-2.0
// --network, -p, --dns and --add-host turned into calls of net/, and the files by which a container resolves
// names. Everything about addresses, rules and ports is net/'s.
#pragma once

#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/container_dir.h"
#include "engine/monitor.h"
#include "engine/options.h"
#include "engine/spec_from_image.h"
#include "net/attachment.h"

namespace crunlite::engine {

// All of -p, with the configuration's default address. Throws Error(kUsage). Empty, with a warning, where
// nothing can be published.
std::vector<net::PortMapping> requested_ports(const Config& config, const RunOptions& options,
                                              const Say& say);

// The network stays until it is torn down by the record. Nothing is made for the host's network.
net::NetAttachment connect(const Config& config, const RunOptions& options, const std::string& container_id,
                           const std::vector<net::PortMapping>& ports);

// Writes hosts, hostname and resolv.conf into the container's directory and says so in `facts`.
void write_name_files(const RunOptions& options, const ContainerDir& dir, const net::NetAttachment& network,
                      const Say& say, SpecFacts& facts);

}  // namespace crunlite::engine
