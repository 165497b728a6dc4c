// SPDX-License-Identifier: Apache-2.0
#include "engine/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string problem_of(std::string_view text) {
  Config config;
  try {
    apply_config(text, "c.yaml", config);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    return error.what();
  }
  return "accepted";
}

TEST(Config, AnEmptyFileSaysNothing) {
  EXPECT_EQ(problem_of(""), "accepted");
  EXPECT_EQ(problem_of("# only a comment\n"), "accepted");
  EXPECT_EQ(problem_of("run:\nlimits: {}\n"), "accepted");
  EXPECT_EQ(problem_of("run:\n  init:\n"), "accepted");
}

TEST(Config, TheLaterFileWinsKeyByKey) {
  Config config;
  apply_config("limits: {memory: 512m, cpus: 1.5}\nrun: {init: true, env: {A: one}}\n", "system", config);
  apply_config("limits: {memory: 1g}\nrun: {env: {B: two}}\n", "user", config);
  EXPECT_EQ(config.run.limits.memory, int64_t{1} << 30);
  EXPECT_EQ(config.run.limits.nano_cpus, 1'500'000'000);
  EXPECT_TRUE(config.run.init);
  EXPECT_THAT(config.run.env, ElementsAre(EnvEntry{"B", "two"}));
}

TEST(Config, SaysWhereItIsNotYaml) {
  EXPECT_THAT(problem_of("run:\n  cap-add: [A, B\nlimits: x"), HasSubstr("c.yaml:3:"));
  EXPECT_THAT(problem_of("a: b\n---\nc: d\n"), HasSubstr("a second document"));
}

TEST(Config, UnknownKeysNameTheNearest) {
  EXPECT_EQ(problem_of("run:\n  cap-ad: [ALL]\n"),
            "c.yaml:2:3: run: unknown key \"cap-ad\"; did you mean run.cap-add?");
  EXPECT_EQ(problem_of("limit: {memory: 1g}\n"), "c.yaml:1:1: unknown key \"limit\"; did you mean limits?");
}

TEST(Config, CollectsEveryProblemWithItsPlace) {
  EXPECT_EQ(problem_of("limits:\n  memory: much\n  cpus: -1\nrun:\n  init: yes\n  env: [A]\n"),
            "c.yaml:2:11: limits.memory: invalid size: 'much'\n"
            "c.yaml:3:9: limits.cpus: failed to parse -1 as a rational number\n"
            "c.yaml:5:9: run.init: expected true or false, found \"yes\"\n"
            "c.yaml:6:8: run.env: expected a mapping, found a list");
}

TEST(Config, OneProblemForEachValue) {
  EXPECT_EQ(problem_of("limits: {memory: [1]}\n"),
            "c.yaml:1:18: limits.memory: expected a single value, found a list");
}

TEST(Config, ChecksWhatTheFlagsWouldCheckLater) {
  EXPECT_EQ(problem_of("limits: {memory: 5m}\n"),
            "c.yaml:1:18: limits.memory: minimum memory limit allowed is 6MB");
  EXPECT_EQ(
      problem_of("run: {cap-drop: [all, NET_ADMINN]}\n"),
      "c.yaml:1:23: run.cap-drop[1]: invalid capability: unknown capability: \"NET_ADMINN\"; did you mean "
      "CAP_NET_ADMIN?");
  EXPECT_EQ(problem_of("network: {ipv4-subnets: []}\n"),
            "c.yaml:1:25: network.ipv4-subnets: expected at least one subnet");
}

TEST(Config, AWrongFileChangesNothing) {
  Config config;
  EXPECT_THROW(apply_config("limits: {memory: 1g, cpus: x}", "c.yaml", config), Error);
  EXPECT_FALSE(config.run.limits.memory.has_value());
}

TEST(Config, RefusesKeysThatStandTwice) {
  EXPECT_THAT(problem_of("run:\n  init: true\n  init: false\n"),
              HasSubstr("c.yaml:3:3: run: the key \"init\""));
}

TEST(Config, ChecksValuesOfEachKind) {
  EXPECT_THAT(problem_of("storage: {root: relative}"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(problem_of("network: {bridge: much-too-long-for-a-link}"), HasSubstr("at most 15 characters"));
  EXPECT_THAT(problem_of("network: {ipv4-subnets: [10.0.0.1/16]}"), HasSubstr("host bits zero"));
  EXPECT_THAT(problem_of("network: {ipv4-subnets: ['fd00::/64']}"), HasSubstr("10.219.0.0/16"));
  EXPECT_THAT(problem_of("network: {mtu: 100}"), HasSubstr("from 1280 to 65535"));
  EXPECT_THAT(problem_of("network: {dns: [one.one]}"), HasSubstr("IPv4 or IPv6 address"));
  EXPECT_THAT(problem_of("run: {network: bridged}"), HasSubstr("bridge, host or none"));
  EXPECT_THAT(problem_of("run: {seccomp: profile.json}"), HasSubstr("absolute path of a profile"));
  EXPECT_THAT(problem_of("run: {ulimits: {nofiles: 1}}"), HasSubstr("invalid ulimit type: nofiles"));
  EXPECT_THAT(problem_of("limits: {pids: 0}"), HasSubstr("number of processes"));
  EXPECT_THAT(problem_of("registries: {insecure: ['http://r:5000']}"), HasSubstr("HOST or HOST:PORT"));
  EXPECT_THAT(problem_of("registries: {mirrors: {docker.io: [m.example]}}"), "accepted");
}

TEST(Config, FilesFollowTheEnvironment) {
  const auto with = [](std::map<std::string, std::string> env) {
    return config_files([env](const std::string& name) {
      const auto found = env.find(name);
      return found == env.end() ? nullptr : found->second.c_str();
    });
  };
  EXPECT_THAT(with({{"HOME", "/h"}, {"XDG_CONFIG_HOME", ""}}).layered,
              ElementsAre("/etc/crun-lite/config.yaml", "/h/.config/crun-lite/config.yaml"));
  EXPECT_THAT(with({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}}).layered,
              ElementsAre("/etc/crun-lite/config.yaml", "/x/crun-lite/config.yaml"));
  EXPECT_THAT(with({}).layered, ElementsAre("/etc/crun-lite/config.yaml"));
  EXPECT_EQ(with({{"CRUN_LITE_CONFIG", "/c"}}).only, "/c");
}

TEST(Config, AMissingNamedFileIsAnError) {
  EXPECT_THROW(load_config({.only = "/nonexistent/config.yaml"}), Error);
  EXPECT_NO_THROW(load_config({.layered = {"/nonexistent/config.yaml"}}));
}

// docs/config.md has a row for every key, and examples/config.yaml is accepted with every comment taken away.
TEST(Config, DocumentationNamesEveryKey) {
  const std::string page = read_file(AT_FDCWD, CRUNLITE_SOURCE_DIR "/docs/config.md", 1u << 20);
  const std::string example = read_file(AT_FDCWD, CRUNLITE_SOURCE_DIR "/examples/config.yaml", 1u << 20);
  for (const std::string& key : config_keys()) {
    EXPECT_THAT(page, HasSubstr("`" + key + "`"));
    EXPECT_THAT(example, HasSubstr(key.substr(key.find('.') + 1) + ":"));
  }
  std::string uncommented;
  for (const std::string_view line : split(example, '\n')) {
    if (line.starts_with("#  ")) uncommented += cat(line.substr(1), '\n');
    if (!line.starts_with('#')) uncommented += cat(line, '\n');
  }
  EXPECT_EQ(problem_of(uncommented), "accepted");
}

}  // namespace
}  // namespace crunlite::engine
