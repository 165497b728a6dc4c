// SPDX-License-Identifier: Apache-2.0
#include "engine/spec_from_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/capability_set.h"
#include "engine/defaults.h"
#include "engine/seccomp_profile.h"
#include "oci/codec.h"
#include "runtime/capabilities.h"

namespace crunlite::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

oci::ImageConfig image() {
  oci::ImageConfig out;
  out.config.env = {"PATH=/opt/bin:/bin", "LANG=C.UTF-8"};
  out.config.entrypoint = {"python3", "-m"};
  out.config.cmd = {"flask", "run"};
  out.config.working_dir = "/app";
  out.config.labels = {{"maintainer", "me"}};
  return out;
}

SpecFacts facts() {
  SpecFacts out;
  out.id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  out.rootfs = "/store/containers/x/rootfs";
  out.user = {.uid = 1000, .gid = 1001, .groups = {1001, 20}, .home = "/home/app"};
  out.netns_path = "/run/crun-lite/net/ns/x";
  out.host_hostname = "the-host";
  out.hosts_file = "/x/hosts";
  out.hostname_file = "/x/hostname";
  out.resolv_file = "/x/resolv.conf";
  out.init_file = "/x/init";
  out.available_capabilities = runtime::capability_names();
  out.hard_limits = {{"RLIMIT_NOFILE", 4096}};
  out.kernel = {6, 1};
  return out;
}

oci::Spec spec_of(const RunOptions& options, const oci::ImageConfig& config = image(),
                  const SpecFacts& machine = facts()) {
  return spec_from_image(config, options, machine).spec;
}

template <class Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

const oci::Mount* find_mount(const oci::Spec& spec, std::string_view destination) {
  for (const oci::Mount& mount : spec.mounts) {
    if (mount.destination == destination) return &mount;
  }
  return nullptr;
}

// The whole document for one ordinary run. After an intended change: CRUN_LITE_UPDATE_GOLDEN=1 test-engine.
TEST(Spec, Golden) {
  RunOptions options;
  options.init = true;
  options.tty = true;
  options.env = {{"FLASK_DEBUG", "1"}};
  options.limits = {.memory = 512ll << 20, .nano_cpus = 1'500'000'000, .pids = 100};
  options.security.seccomp = "unconfined";  // the profile has tests of its own
  options.volumes = {};
  SpecFacts machine = facts();
  machine.volumes = {{.destination = "/data", .type = "bind", .source = "/srv", .options = {"rbind", "ro"}}};
  oci::Spec spec = spec_of(options, image(), machine);
  // These depend on how many CPUs the machine has.
  std::erase_if(spec.linux.masked_paths,
                [](const std::string& p) { return p.find("/cpu") != std::string::npos; });
  const std::string text = json::dump(oci::encode_spec(spec), json::Style::kIndented) + "\n";
  const std::string path = CRUNLITE_SOURCE_DIR "/tests/unit/golden/run-spec.json";
  if (::getenv("CRUN_LITE_UPDATE_GOLDEN")) write_file_atomic(AT_FDCWD, path, text, 0644, Durability::kRename);
  EXPECT_EQ(text, read_file(AT_FDCWD, path, 1u << 20));
}

TEST(Spec, EntrypointAndCommand) {
  const auto args = [](std::optional<std::string> entrypoint, std::vector<std::string> command) {
    RunOptions options;
    options.entrypoint = std::move(entrypoint);
    options.command = std::move(command);
    return spec_of(options).process->args;
  };
  EXPECT_THAT(args(std::nullopt, {}), ElementsAre("python3", "-m", "flask", "run"));
  EXPECT_THAT(args(std::nullopt, {"pip"}), ElementsAre("python3", "-m", "pip"));
  // The image's CMD was written for the image's entrypoint.
  EXPECT_THAT(args("sh", {}), ElementsAre("sh"));
  EXPECT_THAT(args("sh", {"-c", "id"}), ElementsAre("sh", "-c", "id"));
  EXPECT_THAT(args("", {"id"}), ElementsAre("id"));
  EXPECT_THAT(error_of([&] { args("", {}); }), HasSubstr("no command specified"));
  EXPECT_THAT(error_of([] { spec_of({}, oci::ImageConfig()); }), HasSubstr("no command specified"));
}

TEST(Spec, EnvironmentOfImageAndUser) {
  RunOptions options;
  options.env = {{"LANG", "de"}, {"X", ""}};
  EXPECT_THAT(spec_of(options).process->env,
              ElementsAre("PATH=/opt/bin:/bin", "HOSTNAME=0123456789ab", "LANG=de", "X=", "HOME=/home/app"));
  oci::ImageConfig bare = image();
  bare.config.env = {"PATH"};
  EXPECT_THAT(error_of([&] { spec_of({}, bare); }), HasSubstr("not NAME=VALUE"));
  bare.config.env = {};
  EXPECT_THAT(spec_of({}, bare).process->env,
              Contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
}

TEST(Spec, WorkingDirectory) {
  RunOptions options;
  EXPECT_EQ(spec_of(options).process->cwd, "/app");
  options.working_dir = "/srv/../tmp/";
  EXPECT_EQ(spec_of(options).process->cwd, "/tmp");
  options.working_dir = "tmp";
  EXPECT_THAT(error_of([&] { spec_of(options); }), HasSubstr("needs to be an absolute path"));
  EXPECT_EQ(working_directory(oci::ImageConfig(), RunOptions()), "/");
}

// CVE-2024-3154, CVE-2026-53488: an image must not steer the runtime.
TEST(Spec, ReservedLabelsHaveNoEffect) {
  oci::ImageConfig config = image();
  config.config.labels["run.oci.hooks.stdout"] = "/etc/passwd";
  config.config.labels["org.systemd.property.ExecStartPre"] = "x";
  config.config.labels["bundle"] = "/";
  const ContainerSpec made = spec_from_image(config, {}, facts());
  EXPECT_THAT(made.spec.annotations, ElementsAre(testing::Pair("maintainer", "me")));
  EXPECT_EQ(made.warnings.size(), 3u);
  RunOptions options;
  options.annotations = {{"run.oci.keep_original_groups", "1"}};
  EXPECT_EQ(spec_of(options).annotations.at("run.oci.keep_original_groups"), "1");
}

TEST(Spec, NetworkModes) {
  const auto has_network = [](const oci::Spec& spec) {
    for (const oci::Namespace& ns : spec.linux.namespaces) {
      if (ns.type == oci::NamespaceType::kNetwork) return ns.path == "/run/crun-lite/net/ns/x";
    }
    return false;
  };
  EXPECT_TRUE(has_network(spec_of({})));
  EXPECT_EQ(spec_of({}).linux.sysctl.at("net.ipv4.ip_unprivileged_port_start"), "0");
  SpecFacts host = facts();
  host.netns_path.clear();
  RunOptions options;
  options.network = NetworkMode::kHost;
  const oci::Spec spec = spec_of(options, image(), host);
  EXPECT_FALSE(has_network(spec));
  EXPECT_THAT(spec.linux.sysctl, IsEmpty());
  EXPECT_EQ(spec.hostname, "the-host");
  options.sysctls = {{"net.core.somaxconn", "1"}};
  EXPECT_THAT(error_of([&] { spec_of(options, image(), host); }), HasSubstr("not allowed in host network"));
}

TEST(Spec, UserMountsTakeThePlaceOfDefaults) {
  SpecFacts machine = facts();
  machine.volumes = {{.destination = "/data/deep/er", .source = "/b"},
                     {.destination = "/etc/hosts", .source = "/h"},
                     {.destination = "/data", .source = "/a"}};
  RunOptions options;
  options.tmpfs = {{.destination = "/dev/shm", .type = "tmpfs", .source = "tmpfs"}};
  const oci::Spec spec = spec_of(options, image(), machine);
  EXPECT_EQ(find_mount(spec, "/etc/hosts")->source, "/h");
  EXPECT_EQ(find_mount(spec, "/dev/shm")->source, "tmpfs");
  EXPECT_LT(find_mount(spec, "/data"), find_mount(spec, "/data/deep/er"));
}

TEST(Spec, SharedMemoryFollowsTheMemoryLimit) {
  const auto size = [](std::optional<int64_t> memory, std::optional<int64_t> shm) {
    RunOptions options;
    options.limits.memory = memory;
    options.shm_size = shm;
    return find_mount(spec_of(options), "/dev/shm")->options.back();
  };
  EXPECT_EQ(size(std::nullopt, std::nullopt), "size=67108864");
  EXPECT_EQ(size(64 << 20, std::nullopt), "size=67108864");
  EXPECT_EQ(size(1 << 30, std::nullopt), "size=536870912");
  EXPECT_EQ(size(1 << 30, 4096), "size=4096");
}

TEST(Spec, Memory) {
  const auto memory = [](LimitOptions limits, bool swap = true) {
    SpecFacts machine = facts();
    machine.swap_limits = swap;
    RunOptions options;
    options.limits = limits;
    return spec_of(options, image(), machine).linux.resources.memory;
  };
  EXPECT_EQ(memory({.memory = 8 << 20}).swap, 16 << 20);
  EXPECT_EQ(memory({.memory = 8 << 20, .memory_swap = -1}).swap, -1);
  EXPECT_EQ(memory({.memory = 8 << 20}, false).swap, std::nullopt);
  EXPECT_THAT(error_of([&] { memory({.memory = 1 << 20}); }),
              HasSubstr("minimum memory limit allowed is 6MB"));
  EXPECT_THAT(error_of([&] { memory({.memory_swap = 1 << 30}); }), HasSubstr("always set the Memory limit"));
  EXPECT_THAT(error_of([&] { memory({.memory = 8 << 20, .memory_swap = 7 << 20}); }),
              HasSubstr("larger than memory limit"));
  EXPECT_THAT(error_of([&] { memory({.memory = 8 << 20, .memory_reservation = 9 << 20}); }),
              HasSubstr("less than memory reservation"));
}

TEST(Spec, LimitsAreLoweredToWhatWeMayGive) {
  RunOptions options;
  EXPECT_EQ(spec_of(options).process->rlimits.at(0).soft, 1024u);
  EXPECT_EQ(spec_of(options).process->rlimits.at(0).hard, 4096u);
  options.ulimits = {{"RLIMIT_NOFILE", 10'000, 20'000}, {"RLIMIT_CORE", 0, 0}};
  const ContainerSpec made = spec_from_image(image(), options, facts());
  EXPECT_EQ(made.spec.process->rlimits.at(0).soft, 4096u);
  EXPECT_EQ(made.spec.process->rlimits.at(0).hard, 4096u);
  EXPECT_EQ(made.spec.process->rlimits.at(1).type, "RLIMIT_CORE");
  EXPECT_THAT(made.warnings, ElementsAre(HasSubstr("needs CAP_SYS_RESOURCE")));
}

TEST(Spec, PrivilegedHidesNothing) {
  RunOptions options;
  options.security.privileged = true;
  const oci::Spec spec = spec_of(options);
  EXPECT_EQ(spec.process->capabilities->bounding.size(), runtime::capability_names().size());
  EXPECT_THAT(spec.process->capabilities->inheritable, IsEmpty());
  EXPECT_THAT(spec.linux.masked_paths, IsEmpty());
  EXPECT_THAT(spec.linux.readonly_paths, IsEmpty());
  EXPECT_FALSE(spec.linux.seccomp.has_value());
  EXPECT_THAT(find_mount(spec, "/sys")->options, Not(Contains("ro")));
  EXPECT_TRUE(spec.linux.resources.devices.at(0).allow);
}

TEST(Spec, SystemPathsAndSeccompCanBeOpened) {
  EXPECT_TRUE(spec_of({}).linux.seccomp.has_value());
  EXPECT_THAT(spec_of({}).linux.masked_paths, Contains("/proc/kcore"));
  RunOptions options;
  options.security.system_paths_confined = false;
  options.security.seccomp = "unconfined";
  EXPECT_FALSE(spec_of(options).linux.seccomp.has_value());
  EXPECT_THAT(spec_of(options).linux.masked_paths, IsEmpty());
}

TEST(Capabilities, AddAndDrop) {
  const auto choose = [](std::vector<std::string> add, std::vector<std::string> drop) {
    return choose_capabilities({.cap_add = std::move(add), .cap_drop = std::move(drop)},
                               runtime::capability_names());
  };
  EXPECT_EQ(choose({}, {}).size(), 14u);
  EXPECT_THAT(choose({"net_admin"}, {}), Contains("CAP_NET_ADMIN"));
  EXPECT_THAT(choose({}, {"CAP_CHOWN"}), Not(Contains("CAP_CHOWN")));
  EXPECT_THAT(choose({}, {"all"}), IsEmpty());
  EXPECT_THAT(choose({"CHOWN"}, {"ALL"}), ElementsAre("CAP_CHOWN"));
  EXPECT_EQ(choose({"ALL"}, {"SYS_ADMIN"}).size(), runtime::capability_names().size() - 1);
  EXPECT_THAT(error_of([&] { choose({"NET_ADMINN"}, {}); }), HasSubstr("unknown capability: \"NET_ADMINN\""));
}

oci::Seccomp profile_of(std::string_view text, std::vector<std::string> capabilities = {}) {
  return read_seccomp_profile(json::parse(text, "p.json"), "p.json", capabilities, {5, 0});
}

constexpr std::string_view kDockerProfile = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
  "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
              {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}],
  "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
    {"name": "write", "action": "SCMP_ACT_ALLOW", "comment": "old form"},
    {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
    {"names": ["newer"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "5.10"}},
    {"names": ["s390_only"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}}
  ]})";

std::vector<std::string> names_in(const oci::Seccomp& profile) {
  std::vector<std::string> out;
  for (const oci::SeccompRule& rule : profile.rules)
    out.insert(out.end(), rule.names.begin(), rule.names.end());
  return out;
}

TEST(SeccompProfile, DockersConditionsAreDecided) {
  EXPECT_THAT(names_in(profile_of(kDockerProfile)), ElementsAre("read", "write", "clone3", "ptrace"));
  EXPECT_THAT(names_in(profile_of(kDockerProfile, {"CAP_SYS_ADMIN"})),
              ElementsAre("read", "write", "mount", "ptrace"));
  EXPECT_EQ(profile_of(kDockerProfile).architectures.size(), 2u);
}

TEST(SeccompProfile, WrongOnesAreRefused) {
  EXPECT_THAT(error_of([] { profile_of("[]"); }), HasSubstr("p.json: expected object"));
  EXPECT_THAT(error_of([] { profile_of(R"({"defaultAction": "SCMP_ACT_NOPE"})"); }),
              HasSubstr("SCMP_ACT_NOPE"));
  EXPECT_THAT(error_of([] {
                profile_of(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["x"],
                "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "five"}}]})");
              }),
              HasSubstr("expected MAJOR.MINOR"));
}

}  // namespace
}  // namespace crunlite::engine
