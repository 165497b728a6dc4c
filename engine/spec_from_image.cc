// SPDX-License-Identifier: Apache-2.0
#include "engine/spec_from_image.h"

#include <algorithm>

#include "base/error.h"
#include "engine/capability_set.h"
#include "engine/defaults.h"
#include "engine/environment.h"
#include "engine/spec_resources.h"

namespace crunlite::engine {
namespace {

constexpr char kOciVersion[] = "1.0.2";  // what runc 1.1 and crun 1.8 take; nothing newer is used
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Annotations by which runtimes let themselves be steered. They may come from the user, never from the label
// of an image (CVE-2024-3154).
constexpr std::string_view kReservedPrefixes[] = {
    "run.oci.",           "org.systemd.property.", "org.criu.",          "io.crun-lite.",
    "io.kubernetes.",     "io.containerd.",        "io.podman.",         "io.container.",
    "io.katacontainers.", "module.wasm.",          "com.docker.runtime", "containerd.io/",
    "io.cri-containerd",
};
bool is_reserved(std::string_view key) {
  return key == "bundle" || std::any_of(std::begin(kReservedPrefixes), std::end(kReservedPrefixes),
                                        [&](std::string_view prefix) { return key.starts_with(prefix); });
}

std::vector<std::string> arguments(const oci::ImageConfig& image, const RunOptions& options) {
  std::vector<std::string> args;
  if (options.init) args = {kInitPath, "--"};
  const size_t own = args.size();
  if (options.entrypoint) {
    if (!options.entrypoint->empty()) args.push_back(*options.entrypoint);
  } else {
    args.insert(args.end(), image.config.entrypoint.begin(), image.config.entrypoint.end());
  }
  // --entrypoint takes the image's CMD away with its entrypoint: its arguments were written for that one.
  const bool use_image_cmd = options.command.empty() && !options.entrypoint;
  const std::vector<std::string>& command = use_image_cmd ? image.config.cmd : options.command;
  args.insert(args.end(), command.begin(), command.end());
  if (args.size() == own) {
    throw Error(ErrorKind::kUsage, "no command specified")
        .with_remedy("The image has neither Entrypoint nor Cmd: say what to run after the image's name.");
  }
  return args;
}

std::vector<std::string> environment(const oci::ImageConfig& image, const RunOptions& options,
                                     const SpecFacts& facts) {
  Environment env;
  env.set("PATH", kDefaultPath);
  env.set("HOSTNAME", container_hostname(options, facts));
  if (options.tty) env.set("TERM", "xterm");
  for (const std::string& entry : image.config.env) env.set_from_image(entry);
  for (const auto& [name, value] : options.env) env.set(name, value);
  env.set_default("HOME", facts.user.home);
  return env.entries();
}

oci::Process process(const oci::ImageConfig& image, const RunOptions& options, const SpecFacts& facts,
                     const std::vector<std::string>& capabilities, std::vector<std::string>& warnings) {
  oci::Process out;
  out.terminal = options.tty;
  if (options.tty) out.console_size = facts.console_size;
  out.user = {.uid = facts.user.uid, .gid = facts.user.gid, .additional_gids = facts.user.groups};
  out.args = arguments(image, options);
  out.env = environment(image, options, facts);
  out.cwd = working_directory(image, options);
  // Inheritable and ambient stay empty: a set inheritable mask came back through file capabilities
  // (CVE-2022-24769).
  out.capabilities =
      oci::Capabilities{.bounding = capabilities, .effective = capabilities, .permitted = capabilities};
  out.rlimits = resource_limits(options, facts.hard_limits, warnings);
  out.no_new_privileges = options.security.no_new_privileges;
  out.oom_score_adj = options.oom_score_adj;
  if (!options.security.privileged && options.security.apparmor != "unconfined") {
    out.apparmor_profile = options.security.apparmor;
  }
  return out;
}

oci::Mount bind_file(const std::string& source, const char* destination, bool readonly) {
  oci::Mount mount{.destination = destination, .type = "bind", .source = source};
  mount.options = {"bind", "rprivate"};
  if (readonly) mount.options.insert(mount.options.end(), {"ro", "nosuid", "nodev"});
  return mount;
}

size_t depth(const oci::Mount& mount) {
  return static_cast<size_t>(std::count(mount.destination.begin(), mount.destination.end(), '/'));
}

// The user's mounts in the order in which none hides another; where one has the destination of a default, it
// takes its place.
void add_user_mounts(std::vector<oci::Mount> user, std::vector<oci::Mount>& mounts) {
  for (const oci::Mount& mount : user) {
    std::erase_if(mounts, [&](const oci::Mount& m) { return m.destination == mount.destination; });
  }
  std::stable_sort(user.begin(), user.end(),
                   [](const oci::Mount& a, const oci::Mount& b) { return depth(a) < depth(b); });
  mounts.insert(mounts.end(), user.begin(), user.end());
}

void make_writable(oci::Mount& mount) {
  for (std::string& option : mount.options) {
    if (option == "ro") option = "rw";
  }
}

std::vector<oci::Mount> mounts(const RunOptions& options, const SpecFacts& facts) {
  std::vector<oci::Mount> out = default_mounts();
  for (oci::Mount& mount : out) {
    if (mount.destination == "/dev/shm") set_shm_size(options, mount);
    const bool is_sys = mount.destination == "/sys" || mount.destination == "/sys/fs/cgroup";
    if (options.security.privileged && is_sys) make_writable(mount);
  }
  if (!facts.resolv_file.empty()) out.push_back(bind_file(facts.resolv_file, "/etc/resolv.conf", false));
  if (!facts.hostname_file.empty()) out.push_back(bind_file(facts.hostname_file, "/etc/hostname", false));
  if (!facts.hosts_file.empty()) out.push_back(bind_file(facts.hosts_file, "/etc/hosts", false));
  if (options.init) out.push_back(bind_file(facts.init_file, kInitPath, true));
  std::vector<oci::Mount> user = facts.volumes;
  user.insert(user.end(), options.tmpfs.begin(), options.tmpfs.end());
  add_user_mounts(std::move(user), out);
  return out;
}

std::optional<oci::Seccomp> seccomp(const RunOptions& options, const SpecFacts& facts,
                                    const std::vector<std::string>& capabilities) {
  if (options.security.seccomp == "unconfined") return std::nullopt;
  if (facts.seccomp_file) return facts.seccomp_file;
  if (options.security.privileged) return std::nullopt;
  return default_seccomp(capabilities, facts.kernel);
}

std::vector<oci::Namespace> namespaces(const SpecFacts& facts) {
  using enum oci::NamespaceType;
  std::vector<oci::Namespace> out = {{kPid}, {kIpc}, {kUts}, {kMount}, {kCgroup}};
  if (!facts.netns_path.empty()) out.push_back({kNetwork, facts.netns_path});
  return out;
}

oci::Linux linux_part(const RunOptions& options, const SpecFacts& facts,
                      const std::vector<std::string>& capabilities, std::vector<std::string>& warnings) {
  oci::Linux out;
  out.namespaces = namespaces(facts);
  out.devices = facts.devices;
  out.cgroups_path = container_cgroup(options, facts.id);
  out.resources = resources(options, facts.device_rules, facts.swap_limits, warnings);
  out.seccomp = seccomp(options, facts, capabilities);
  if (!options.security.privileged && options.security.system_paths_confined) {
    out.masked_paths = default_masked_paths();
    out.readonly_paths = default_readonly_paths();
  }
  // They belong to the network namespace: with the host's network they would change the host.
  if (!facts.netns_path.empty()) out.sysctl = default_network_sysctls();
  for (const auto& [name, value] : options.sysctls) {
    if (facts.netns_path.empty() && name.starts_with("net.")) {
      throw Error(ErrorKind::kUsage, "sysctl ", printable(name), " not allowed in host network namespace");
    }
    out.sysctl[name] = value;
  }
  return out;
}

std::map<std::string, std::string> annotations(const oci::ImageConfig& image, const RunOptions& options,
                                               std::vector<std::string>& warnings) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : image.config.labels) {
    if (is_reserved(key)) {
      warnings.push_back(
          cat("the image's label ", quote(key), " is reserved for runtimes and has no effect"));
    } else {
      out[key] = value;
    }
  }
  for (const auto& [key, value] : options.labels) out[key] = value;
  for (const auto& [key, value] : options.annotations) out[key] = value;
  return out;
}

}  // namespace

std::string working_directory(const oci::ImageConfig& image, const RunOptions& options) {
  if (!options.working_dir.empty()) {
    if (!options.working_dir.starts_with('/')) {
      throw Error(ErrorKind::kUsage, "the working directory '", printable(options.working_dir),
                  "' is invalid, it needs to be an absolute path");
    }
    return clean_path(options.working_dir);
  }
  return clean_path(image.config.working_dir);
}

std::string container_cgroup(const RunOptions& options, const std::string& id) {
  return cat(options.cgroup_parent.empty() ? "/crun-lite" : clean_path(options.cgroup_parent), '/', id);
}

std::string container_hostname(const RunOptions& options, const SpecFacts& facts) {
  if (!options.hostname.empty()) return options.hostname;
  if (options.network == NetworkMode::kHost) return facts.host_hostname;
  return facts.id.substr(0, 12);
}

ContainerSpec spec_from_image(const oci::ImageConfig& image, const RunOptions& options,
                              const SpecFacts& facts) {
  ContainerSpec out;
  const std::vector<std::string> capabilities =
      choose_capabilities(options.security, facts.available_capabilities);
  out.spec.oci_version = kOciVersion;
  out.spec.root = {.path = facts.rootfs, .readonly = options.read_only};
  out.spec.process = process(image, options, facts, capabilities, out.warnings);
  out.spec.hostname = container_hostname(options, facts);
  out.spec.mounts = mounts(options, facts);
  out.spec.linux = linux_part(options, facts, capabilities, out.warnings);
  out.spec.annotations = annotations(image, options, out.warnings);
  return out;
}

}  // namespace crunlite::engine
