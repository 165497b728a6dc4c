// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/caller_config.h"

namespace crunlite::cmd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Machine = std::map<std::string, std::string>;

const std::string kDaemonJson = "/etc/docker/daemon.json";
const std::string kContainerdConfig = "/etc/containerd/config.toml";

CallerSetup setup(std::string_view caller, CallerOptions options = {}, const Machine& machine = {}) {
  options.runtime = "/usr/local/bin/crun-lite";
  return setup_of(caller, options, [&](const std::string& path) -> std::optional<std::string> {
    const auto found = machine.find(path);
    return found == machine.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string refused(std::string_view caller, const CallerOptions& options, const Machine& machine = {}) {
  try {
    setup(caller, options, machine);
  } catch (const Error& error) {
    return cat(error.what(), " (", error.remedy(), ")");
  }
  return "accepted";
}

std::string merged(const std::string& daemon_json, CallerOptions options = {}) {
  return setup("docker", std::move(options), {{kDaemonJson, daemon_json}}).content;
}

std::string containerd(const std::string& before, CallerOptions options = {}) {
  return setup("containerd", std::move(options), {{kContainerdConfig, before}}).content;
}

// CRUN_LITE_UPDATE_GOLDEN=1 writes them anew.
TEST(Install, GoldenFiles) {
  for (const std::string& caller : caller_names()) {
    for (const bool make_default : {false, true}) {
      if (caller == "kubernetes" && make_default) continue;
      const CallerSetup result = setup(caller, {.make_default = make_default});
      const std::string text = cat("==> ", result.path, "\n", result.content);
      const std::string path = cat(CRUNLITE_SOURCE_DIR "/tests/unit/golden/install/", caller,
                                   make_default ? "-default" : "", ".txt");
      if (::getenv("CRUN_LITE_UPDATE_GOLDEN"))
        write_file_atomic(AT_FDCWD, path, text, 0644, Durability::kRename);
      EXPECT_EQ(text, read_file(AT_FDCWD, path, 1u << 20)) << path;
    }
  }
}

TEST(Install, TwiceIsOnceAndTheDefaultStays) {
  for (const std::string& caller : caller_names()) {
    for (const bool make_default : {false, true}) {
      if (caller == "kubernetes" && make_default) continue;
      const CallerSetup first = setup(caller, {.make_default = make_default});
      EXPECT_EQ(setup(caller, {}, {{first.path, first.content}}).content, first.content) << caller;
    }
  }
  EXPECT_EQ(setup("podman").content, setup("buildah").content);
}

TEST(Install, PathsAreQuoted) {
  CallerOptions options{.runtime = "/opt/a \"b\"\\c/crun-lite"};
  const auto nothing = [](const std::string&) { return std::nullopt; };
  EXPECT_THAT(setup_of("podman", options, nothing).content,
              HasSubstr(R"(crun-lite = ["/opt/a \"b\"\\c/crun-lite"])"));
}

TEST(Install, DaemonJsonKeepsWhatIsThere) {
  const std::string before =
      R"({"data-root": "/srv/docker", "runtimes": {"kata": {"path": "/k", "runtimeArgs": ["x"]},
    "crun-lite": {"path": "/old", "runtimeArgs": ["--debug"]}}, "max": 18446744073709551615, "r": 0.1,
    "default-runtime": "kata", "hosts": ["unix:///x"], "empty": {}, "none": null})";
  EXPECT_EQ(merged(before), R"({
  "data-root": "/srv/docker",
  "runtimes": {
    "kata": {
      "path": "/k",
      "runtimeArgs": [
        "x"
      ]
    },
    "crun-lite": {
      "path": "/usr/local/bin/crun-lite",
      "runtimeArgs": [
        "--debug"
      ]
    }
  },
  "max": 18446744073709551615,
  "r": 0.1,
  "default-runtime": "kata",
  "hosts": [
    "unix:///x"
  ],
  "empty": {},
  "none": null
}
)");
  EXPECT_THAT(merged(before, {.make_default = true}), HasSubstr(R"("default-runtime": "crun-lite",)"));
  EXPECT_EQ(merged(" \n"), setup("docker").content);
  EXPECT_EQ(merged(R"({"runtimes": null})"), setup("docker").content);
  EXPECT_EQ(merged(merged(before)), merged(before));
  EXPECT_THAT(merged(R"({"runtimes": {"crun-lite": {"runtimeType": "io.containerd.runc.v2"}}})"),
              Not(HasSubstr("runtimeType")));
}

TEST(Install, BrokenDaemonJsonIsRefusedWithThePosition) {
  const auto broken = [](const std::string& text) { return refused("docker", {}, {{kDaemonJson, text}}); };
  EXPECT_THAT(broken("{\n  \"debug\": true,\n}\n"),
              AllOf(StartsWith("/etc/docker/daemon.json:3:"), HasSubstr("not JSON")));
  EXPECT_THAT(broken("{\"a\": 1, \"a\": 2}"), HasSubstr("stands twice"));
  EXPECT_THAT(broken("[]"), HasSubstr("expected object, found array"));
  EXPECT_THAT(broken(R"({"runtimes": ["crun"]})"), HasSubstr("/runtimes: expected object, found array"));
  EXPECT_THAT(broken(R"({"runtimes": {"crun-lite": "/p"}})"),
              HasSubstr("/runtimes/crun-lite: expected object, found string"));
}

TEST(Install, FilesOfOthersStay) {
  for (const std::string& caller : caller_names()) {
    if (caller == "docker" || caller == "containerd") continue;  // these are added to
    const std::string path = setup(caller).path;
    EXPECT_THAT(
        refused(caller, {}, {{path, "# mine\n"}}),
        AllOf(StartsWith(cat(path, " is there and was not written by crun-lite")), HasSubstr("by hand")));
  }
}

const std::string kHandler = R"([plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun-lite]
runtime_type = "io.containerd.runc.v2"
)";

TEST(Install, ContainerdKeepsWhatIsThere) {
  const std::string before =
      "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    a = 1\n";
  const std::string after = containerd(before);
  EXPECT_THAT(after, AllOf(StartsWith(before), HasSubstr(kHandler), Not(HasSubstr("default_runtime_name"))));
  EXPECT_EQ(containerd(after), after);
  const std::string with_more = after + "\n[plugins.\"other\"]\n";
  EXPECT_THAT(containerd(with_more), AllOf(StartsWith(before), HasSubstr("[plugins.\"other\"]\n\n# Begin")));
  EXPECT_EQ(containerd(containerd(with_more)), containerd(with_more));
  // Naming a runtime takes away the one that containerd has by itself.
  EXPECT_THAT(after, HasSubstr(".runtimes.runc]\n"));
  EXPECT_THAT(containerd("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.mine]\n"),
              AllOf(HasSubstr(kHandler), Not(HasSubstr("runtimes.runc"))));
  EXPECT_THAT(containerd("version = 3 # new\n"),
              HasSubstr("[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.crun-lite]\n"));
}

TEST(Install, ContainerdsDefaultIsALineOfItsTable) {
  const std::string before = "version = 2\n  [ plugins.'io.containerd.grpc.v1.cri'.containerd ] # x\n";
  const CallerOptions make_default{.make_default = true};
  const std::string line = "default_runtime_name = \"crun-lite\"\n";
  EXPECT_THAT(containerd(before + "    a = 1\n", make_default),
              StartsWith(before + "    " + line + "    a = 1\n"));
  EXPECT_THAT(containerd(before + "    a = 1\n    default_runtime_name = \"runc\"\n[b]\n", make_default),
              AllOf(StartsWith(before + "    a = 1\n    " + line + "[b]\n"), Not(HasSubstr("\"runc\""))));
  // A key of the next table is another.
  const std::string elsewhere = before + "[b]\ndefault_runtime_name = \"runc\"\n";
  EXPECT_THAT(containerd(elsewhere, make_default), HasSubstr("[b]\ndefault_runtime_name = \"runc\"\n"));
  const std::string once = containerd(elsewhere, make_default);
  EXPECT_EQ(containerd(once), once);
  EXPECT_EQ(containerd(once, make_default), once);
}

TEST(Install, ContainerdConfigurationsThatCannotBeAddedTo) {
  const auto refusal = [](const std::string& text) {
    return refused("containerd", {}, {{kContainerdConfig, text}});
  };
  EXPECT_THAT(refusal("disabled_plugins = [\"cri\"]\n"), HasSubstr("first format"));
  EXPECT_THAT(refusal("version = 1\n"), AllOf(StartsWith(kContainerdConfig), HasSubstr("first format")));
  EXPECT_THAT(refusal("version = 2\n" + kHandler), HasSubstr("written by hand"));
  std::string cut = containerd("version = 2\n");
  cut.resize(cut.rfind("# End"));
  EXPECT_THAT(refusal(cut), HasSubstr("is gone"));
}

TEST(Install, OptionsThatACallerHasNoUseForAreRefused) {
  EXPECT_THAT(setup("containerd", {.systemd_cgroup = true}).content, HasSubstr("\nSystemdCgroup = true\n"));
  EXPECT_THAT(refused("podman", {.systemd_cgroup = true}), HasSubstr("--systemd-cgroup is for containerd"));
  EXPECT_THAT(refused("kubernetes", {.make_default = true}), HasSubstr("--for containerd or crio"));
  EXPECT_THAT(refused("lxc", {}),
              AllOf(HasSubstr("unknown caller \"lxc\""), HasSubstr("podman, buildah, docker")));
}

}  // namespace
}  // namespace crunlite::cmd
