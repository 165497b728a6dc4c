// SPDX-License-Identifier: Apache-2.0
#include "cmd/run_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::cmd {
namespace {

using engine::EnvEntry;
using engine::RunOptions;
using testing::ElementsAre;
using testing::HasSubstr;

RunOptions parse(const Args& args, const RunOptions& defaults = {}) {
  return parse_run(args, defaults).value();
}

std::string refused(const Args& args) {
  try {
    parse(args);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(RunFlags, StopAtTheImage) {
  const RunOptions options =
      parse({"-it", "--name=web", "-p", "80:80", "-p5000:5000", "img", "-i", "--rm", "--", "x"});
  EXPECT_TRUE(options.interactive);
  EXPECT_TRUE(options.tty);
  EXPECT_EQ(options.name, "web");
  EXPECT_THAT(options.publish, ElementsAre("80:80", "5000:5000"));
  EXPECT_EQ(options.image, "img");
  EXPECT_THAT(options.command, ElementsAre("-i", "--rm", "--", "x"));
}

TEST(RunFlags, RepeatedFlagsTakeOneValueEach) {
  const RunOptions options = parse({"-e", "A=1", "-e", "B=[x,y]", "--cap-drop", "ALL", "img", "cmd"});
  EXPECT_THAT(options.env, ElementsAre(EnvEntry{"A", "1"}, EnvEntry{"B", "[x,y]"}));
  EXPECT_EQ(options.image, "img");
}

TEST(RunFlags, EntrypointCanBeTakenAway) {
  EXPECT_EQ(parse({"img"}).entrypoint, std::nullopt);
  EXPECT_EQ(parse({"--entrypoint", "", "img"}).entrypoint, "");
  EXPECT_EQ(parse({"--entrypoint=sh", "img"}).entrypoint, "sh");
}

TEST(RunFlags, ConfigurationIsTheStart) {
  RunOptions defaults;
  defaults.init = true;
  defaults.limits.memory = 100 << 20;
  defaults.env = {{"A", "file"}};
  defaults.security.cap_drop = {"NET_RAW"};
  defaults.dns = {"192.0.2.1"};
  RunOptions options = parse({"-e", "A=flag", "--cap-drop", "MKNOD", "img"}, defaults);
  EXPECT_TRUE(options.init);
  EXPECT_EQ(options.limits.memory, 100 << 20);
  EXPECT_THAT(options.env, ElementsAre(EnvEntry{"A", "file"}, EnvEntry{"A", "flag"}));
  EXPECT_THAT(options.security.cap_drop, ElementsAre("NET_RAW", "MKNOD"));
  EXPECT_THAT(options.dns, ElementsAre("192.0.2.1"));
  options = parse({"--init=false", "-m", "1g", "--dns", "192.0.2.2", "img"}, defaults);
  EXPECT_FALSE(options.init);
  EXPECT_EQ(options.limits.memory, 1 << 30);
  EXPECT_THAT(options.dns, ElementsAre("192.0.2.2"));
}

TEST(RunFlags, SecurityOptions) {
  const auto security = [](const std::string& text) {
    return parse({"--security-opt", text, "img"}).security;
  };
  EXPECT_EQ(security("seccomp=unconfined").seccomp, "unconfined");
  EXPECT_EQ(security("seccomp:/p.json").seccomp, "/p.json");
  EXPECT_TRUE(security("no-new-privileges").no_new_privileges);
  EXPECT_TRUE(security("no-new-privileges=true").no_new_privileges);
  EXPECT_TRUE(security("no-new-privileges:true").no_new_privileges);
  EXPECT_FALSE(security("no-new-privileges=false").no_new_privileges);
  EXPECT_FALSE(security("systempaths=unconfined").system_paths_confined);
  EXPECT_EQ(security("apparmor=docker-default").apparmor, "docker-default");
  EXPECT_THAT(refused({"--security-opt", "seccomp", "img"}), HasSubstr("invalid --security-opt"));
  EXPECT_THAT(refused({"--security-opt", "label=type:x", "img"}), HasSubstr("does not make SELinux labels"));
  EXPECT_THAT(refused({"--security-opt", "no-new-privileges=yes", "img"}),
              HasSubstr("expected true or false"));
}

TEST(RunFlags, NumbersAndNegativeValues) {
  const RunOptions options = parse({"--memory-swap", "-1", "--pids-limit", "-1", "--cpus", "0.5", "-m", "64m",
                                    "--ulimit", "core=-1", "--oom-score-adj", "-500", "img"});
  EXPECT_EQ(options.limits.memory_swap, -1);
  EXPECT_EQ(options.limits.pids, -1);
  EXPECT_EQ(options.limits.nano_cpus, 500'000'000);
  EXPECT_EQ(options.ulimits.at(0).hard, UINT64_MAX);
  EXPECT_EQ(options.oom_score_adj, -500);
}

TEST(RunFlags, WrongValuesNameTheFlag) {
  EXPECT_EQ(refused({"-m", "5x", "img"}),
            "invalid argument \"5x\" for \"-m, --memory\" flag: invalid size: '5x'");
  EXPECT_THAT(refused({"--cpus", "many", "img"}), HasSubstr("for \"--cpus\" flag: failed to parse"));
  EXPECT_THAT(refused({"--pids-limit", "1.5", "img"}), HasSubstr("for \"--pids-limit\" flag"));
  EXPECT_THAT(refused({"-l", "=x", "img"}), HasSubstr("for \"-l, --label\" flag"));
  EXPECT_THAT(refused({"--name", "-x", "img"}), HasSubstr("Invalid container name"));
  EXPECT_THAT(refused({"-v", "a:b:c:d", "img"}), HasSubstr("invalid volume specification"));
  EXPECT_THAT(refused({"--network", "mynet", "img"}), HasSubstr("bridge, host and none"));
  EXPECT_THAT(refused({"--oom-score-adj", "2000", "img"}), HasSubstr("2000"));
}

TEST(RunFlags, WhatIsNotThereIsSaid) {
  EXPECT_THAT(refused({"-d", "img"}), HasSubstr("detached containers (-d) are not in this version"));
  EXPECT_THAT(refused({"--pull", "always", "img"}), HasSubstr("does not pull"));
  EXPECT_THAT(refused({"--nosuch", "img"}), HasSubstr("unknown flag: --nosuch"));
  EXPECT_THAT(refused({}), HasSubstr("requires at least 1 argument"));
  EXPECT_THAT(refused({"-m"}), HasSubstr("-m"));
}

}  // namespace
}  // namespace crunlite::cmd
