// SPDX-License-Identifier: Apache-2.0
// The end of a container from an image: one path for those that ended by themselves, those that could not be
// started and those whose owner was killed. It works from the record and from discovery alone, in the reverse
// order of launch, and goes on past failures.
#pragma once

#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/container_dir.h"
#include "engine/monitor.h"

namespace crunlite::engine {

// Ends the container's processes and removes its cgroups, network, mount and directory. Gives what failed.
std::vector<std::string> tear_down(ContainerDir& dir, const Config& config);

// Tears down every container of the store whose owner is gone: a foreground container does not outlive its
// `run`, whose output and signals nobody handles any more.
void collect_abandoned(const Config& config, const Say& say);

// The owner of a container that is being launched or runs.
class LaunchedContainer {
 public:
  LaunchedContainer(ContainerDir dir, const Config& config, Say say)
      : dir_(std::move(dir)), config_(config), say_(std::move(say)) {}
  LaunchedContainer(const LaunchedContainer&) = delete;
  LaunchedContainer& operator=(const LaunchedContainer&) = delete;
  ~LaunchedContainer();

  const ContainerDir& dir() const { return dir_; }

 private:
  ContainerDir dir_;
  const Config& config_;
  Say say_;
};

}  // namespace crunlite::engine
