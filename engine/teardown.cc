// SPDX-License-Identifier: Apache-2.0
#include "engine/teardown.h"

#include "base/error.h"
#include "net/attachment.h"
#include "rootfs/overlay.h"
#include "runtime/runtime.h"

namespace crunlite::engine {
namespace {

net::NetworkConfig network_of(const ContainerRecord& record, const Config& config) {
  net::NetworkConfig network = config.network;
  if (!record.bridge.empty()) network.bridge = record.bridge;
  if (!record.state_root.empty()) network.state_dir = record.state_root + "/net";
  return network;
}

void end_processes(const ContainerRecord& record, const Config& config) {
  const std::string& root = record.state_root.empty() ? config.state_root : record.state_root;
  runtime::remove({.root = root, .id = record.id}, runtime::Force::kYes);
}

void disconnect(const ContainerRecord& record, const Config& config) {
  const std::vector<std::string> failures = net::detach(network_of(record, config), record.id);
  if (!failures.empty()) throw Error(ErrorKind::kSystem, join(failures, "; "));
}

void unmount_rootfs(const ContainerDir& dir) {
  rootfs::OverlayMount::adopt(dir.file("rootfs")).unmount();
}

}  // namespace

std::vector<std::string> tear_down(ContainerDir& dir, const Config& config) {
  std::vector<std::string> failures;
  const auto attempt = [&](const char* what, auto step) {
    try {
      step();
    } catch (const std::exception& error) {
      failures.push_back(cat(what, ": ", error.what()));
    }
  };
  const ContainerRecord& record = dir.record();
  attempt("end the container", [&] { end_processes(record, config); });
  attempt("disconnect the network", [&] { disconnect(record, config); });
  attempt("unmount the root file system", [&] { unmount_rootfs(dir); });
  // The record stays while something that it names may still be there: the next run tries again.
  if (failures.empty()) attempt("remove the container's directory", [&] { dir.remove(); });
  return failures;
}

void collect_abandoned(const Config& config, const Say& say) {
  for (const std::string& id : ContainerDir::list(config.storage_root)) {
    std::optional<ContainerDir> dir = ContainerDir::adopt(config.storage_root, id);
    if (!dir) continue;
    for (const std::string& failure : tear_down(*dir, config)) {
      say(cat("warning: what is left of container ", id.substr(0, 12), ": ", failure));
    }
  }
}

LaunchedContainer::~LaunchedContainer() {
  for (const std::string& failure : tear_down(dir_, config_)) {
    say_(cat("warning: container ", dir_.record().name, ": ", failure));
  }
}

}  // namespace crunlite::engine
