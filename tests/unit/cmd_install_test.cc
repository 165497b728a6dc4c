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
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

using Machine = std::map<std::string, std::string>;

const std::string kDaemonJson = "/etc/docker/daemon.json";
const std::string kContainerdMain = "/etc/containerd/config.toml";

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
  return setup("docker", std::move(options), {{kDaemonJson, daemon_json}}).files.at(0).content;
}

std::string containerd_main(const std::string& before) {
  const CallerSetup result = setup("containerd", {}, {{kContainerdMain, before}});
  return result.files.size() == 1 ? "unchanged" : result.files.at(1).content;
}

// CRUN_LITE_UPDATE_GOLDEN=1 writes them anew.
TEST(Install, GoldenFiles) {
  for (const std::string& caller : caller_names()) {
    for (const bool make_default : {false, true}) {
      if (caller == "kubernetes" && make_default) continue;
      std::string text;
      for (const CallerFile& file : setup(caller, {.make_default = make_default}).files)
        text += cat("==> ", file.path, "\n", file.content);
      const std::string path = cat(CRUNLITE_SOURCE_DIR "/tests/unit/golden/install/", caller,
                                   make_default ? "-default" : "", ".txt");
      if (::getenv("CRUN_LITE_UPDATE_GOLDEN"))
        write_file_atomic(AT_FDCWD, path, text, 0644, Durability::kRename);
      EXPECT_EQ(text, read_file(AT_FDCWD, path, 1u << 20)) << path;
    }
  }
}

TEST(Install, TwiceIsOnce) {
  for (const std::string& caller : caller_names()) {
    Machine machine;
    for (const CallerFile& file : setup(caller).files) machine[file.path] = file.content;
    for (const CallerFile& file : setup(caller, {}, machine).files)
      EXPECT_EQ(machine.at(file.path), file.content) << caller;
  }
  EXPECT_EQ(setup("podman").files.at(0).content, setup("buildah").files.at(0).content);
}

TEST(Install, PathsAreQuoted) {
  CallerOptions options{.runtime = "/opt/a \"b\"\\c/crun-lite"};
  const auto nothing = [](const std::string&) { return std::nullopt; };
  EXPECT_THAT(setup_of("podman", options, nothing).files.at(0).content,
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
  EXPECT_EQ(merged(" \n"), setup("docker").files.at(0).content);
  EXPECT_EQ(merged(R"({"runtimes": null})"), setup("docker").files.at(0).content);
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
    if (caller == "docker") continue;
    const std::string path = setup(caller).files.at(0).path;
    EXPECT_THAT(
        refused(caller, {}, {{path, "# mine\n"}}),
        AllOf(StartsWith(cat(path, " is there and was not written by crun-lite")), HasSubstr("by hand")));
  }
}

TEST(Install, ContainerdIsToldToReadTheDropIn) {
  const std::string line = "imports = [\"/etc/containerd/conf.d/*.toml\"]\n";
  const std::string debian = "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n";
  EXPECT_THAT(containerd_main(""), AllOf(HasSubstr("\nversion = 2\n"), EndsWith(line)));
  EXPECT_EQ(containerd_main(debian), line + debian);
  EXPECT_EQ(containerd_main("version = 3\n"), line + "version = 3\n");
  EXPECT_EQ(containerd_main(line + debian), "unchanged");
  EXPECT_EQ(containerd_main("version = 2\n\"imports\" = [\n  '/x',\n  \"/etc/containerd/conf.d/*.toml\"]\n"),
            "unchanged");
  // Not a key of the top table.
  EXPECT_THAT(containerd_main("version = 2 # since 1.3\n[a]\nimports = []\n"), StartsWith(line));

  const auto refusal = [](const std::string& text) {
    return refused("containerd", {}, {{kContainerdMain, text}});
  };
  EXPECT_THAT(refusal("version = 2\nimports = ['/x/*.toml']\n"),
              AllOf(HasSubstr("imports of its own"), HasSubstr("conf.d/*.toml")));
  EXPECT_THAT(refusal("disabled_plugins = [\"cri\"]\n"), HasSubstr("first format"));
  EXPECT_THAT(refusal("version = 1\n"), HasSubstr("first format"));
  EXPECT_THAT(setup("containerd", {.file = "/x/config.toml"}).files, SizeIs(1));
}

TEST(Install, OptionsThatACallerHasNoUseForAreRefused) {
  EXPECT_THAT(setup("containerd", {.systemd_cgroup = true}).files.at(0).content,
              EndsWith("SystemdCgroup = true\n"));
  EXPECT_THAT(refused("podman", {.systemd_cgroup = true}), HasSubstr("--systemd-cgroup is for containerd"));
  EXPECT_THAT(refused("kubernetes", {.make_default = true}), HasSubstr("--for containerd or crio"));
  EXPECT_THAT(refused("lxc", {}),
              AllOf(HasSubstr("unknown caller \"lxc\""), HasSubstr("podman, buildah, docker")));
}

}  // namespace
}  // namespace crunlite::cmd
