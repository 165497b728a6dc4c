// SPDX-License-Identifier: Apache-2.0
// From an image's configuration, the user's options and a few facts of this machine to the config.json of a
// container, by docker's rules (SPEC "Defaults that run must reproduce"). Pure: the same input gives the same
// document, which is why it can be tested against a golden file. What has to be looked up is in SpecFacts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/default_seccomp.h"
#include "engine/options.h"
#include "engine/user.h"
#include "oci/image.h"
#include "oci/spec.h"

namespace crunlite::engine {

// Where the reaper of --init is mounted: below /dev, which is always a tmpfs of the container's own.
inline constexpr char kInitPath[] = "/dev/init";

struct SpecFacts {
  std::string id;      // 64 hex digits
  std::string rootfs;  // absolute
  ResolvedUser user;
  std::string netns_path;     // empty: the host's network
  std::string host_hostname;  // taken over with the host's network
  std::string hosts_file;     // host paths of what is bound over the image's files; empty: nothing
  std::string hostname_file;
  std::string resolv_file;
  std::string init_file;                            // the reaper, for --init
  std::vector<oci::Mount> volumes;                  // from engine/volumes
  std::vector<oci::Device> devices;                 // --device, or all of the host's with --privileged
  std::vector<oci::DeviceRule> device_rules;        // for them
  std::vector<std::string> available_capabilities;  // what this process may hand out
  std::map<std::string, uint64_t> hard_limits;      // RLIMIT_* -> what a limit cannot be raised above
  std::optional<oci::Seccomp> seccomp_file;         // the profile that --security-opt seccomp=FILE names
  KernelVersion kernel;
  bool swap_limits = true;  // the memory controller can limit swap
  std::optional<oci::ConsoleSize> console_size;
};

struct ContainerSpec {
  oci::Spec spec;
  std::vector<std::string> warnings;  // ready to print
};

// Throws Error(kUsage) for options that contradict each other or the image, Error(kConfig) for an image that
// is wrong.
ContainerSpec spec_from_image(const oci::ImageConfig& image, const RunOptions& options,
                              const SpecFacts& facts);

// The working directory that the container will have: absolute and clean. It may have to be made.
std::string working_directory(const oci::ImageConfig& image, const RunOptions& options);

// linux.cgroupsPath.
std::string container_cgroup(const RunOptions& options, const std::string& id);

// The container's host name: --hostname, the host's own with its network, else 12 digits of the id.
std::string container_hostname(const RunOptions& options, const SpecFacts& facts);

}  // namespace crunlite::engine
