// SPDX-License-Identifier: Apache-2.0
// Which `run` is meant, row by row, with the command lines that callers really execute; and the small
// grammars of cmd/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/error.h"
#include "cmd/command_line.h"
#include "cmd/dispatch.h"
#include "cmd/signals.h"

namespace crunlite::cmd {
namespace {

using testing::ElementsAre;

struct World {
  bool bundle_here = false;
  bool image = false;
};

Door door(const Args& words, World world = {}) {
  const CommandLine line = read_command_line(words);
  EXPECT_EQ(line.verb, "run");
  return door_of_run(line.globals, line.args,
                     {.bundle_here = [=] { return world.bundle_here; },
                      .image_exists = [=](const std::string&) { return world.image; }});
}

TEST(Door, WhatCallersOfTheRuntimeSay) {
  // BuildKit's runc worker
  EXPECT_EQ(
      door({"--log", "/b/runc-log.json", "--log-format", "json", "run", "--bundle", "/b/x", "--keep", "x"}),
      Door::kOci);
  EXPECT_EQ(door({"run", "--bundle", "/b", "id"}), Door::kOci);
  EXPECT_EQ(door({"run", "--bundle=/b", "id"}), Door::kOci);
  EXPECT_EQ(door({"run", "-b", "/b", "-d", "id"}), Door::kOci);
  EXPECT_EQ(door({"run", "-d", "--pid-file", "f", "id"}), Door::kOci);
  EXPECT_EQ(door({"--root", "/r", "run", "id"}), Door::kOci);
  EXPECT_EQ(door({"--root=/r", "run", "id"}), Door::kOci);
  EXPECT_EQ(door({"--systemd-cgroup", "run", "id"}), Door::kOci);
  EXPECT_EQ(door({"--cgroup-manager", "disabled", "run", "id"}), Door::kOci);
  EXPECT_EQ(door({"run", "--keep", "id"}), Door::kOci);
}

TEST(Door, WhatPeopleSay) {
  EXPECT_EQ(door({"run", "python-docker"}), Door::kImage);
  EXPECT_EQ(door({"run", "-p", "5000:5000", "python-docker"}), Door::kImage);
  EXPECT_EQ(door({"run", "--publish", "5000:5000", "python-docker"}), Door::kImage);
  EXPECT_EQ(door({"run", "-d", "python-docker"}), Door::kImage);
  EXPECT_EQ(door({"run", "--rm", "-it", "img", "sh"}), Door::kImage);
  EXPECT_EQ(door({"--debug", "run", "img"}), Door::kImage);
  EXPECT_EQ(door({"run"}), Door::kImage);
}

TEST(Door, TheContainersOwnFlagsDecideNothing) {
  EXPECT_EQ(door({"run", "img", "--bundle", "x"}), Door::kImage);
  EXPECT_EQ(door({"run", "-d", "img", "prog", "--keep"}), Door::kImage);
  EXPECT_EQ(door({"run", "-e", "--bundle", "img"}), Door::kImage);
}

TEST(Door, ABundleInTheCurrentDirectory) {
  EXPECT_EQ(door({"run", "web"}, {.bundle_here = true}), Door::kOci);
  EXPECT_EQ(door({"run", "web"}, {.bundle_here = true, .image = true}), Door::kImage);
  EXPECT_EQ(door({"run", "web", "sh"}, {.bundle_here = true}), Door::kImage);
  EXPECT_EQ(door({"run", "web"}, {.image = true}), Door::kImage);
}

TEST(Door, NameWeWereCalledBy) {
  EXPECT_EQ(called_as("/usr/bin/runc"), CalledAs::kOci);
  EXPECT_EQ(called_as("crun"), CalledAs::kOci);
  EXPECT_EQ(called_as("/usr/local/bin/docker"), CalledAs::kImage);
  EXPECT_EQ(called_as("/usr/bin/crun-lite"), CalledAs::kEither);
}

TEST(CommandLine, BothFormsOfAValue) {
  for (const Args& words : {Args{"--log", "f", "--log-format=json", "state", "x"},
                            Args{"--log=f", "--log-format", "json", "state", "x"}}) {
    const CommandLine line = read_command_line(words);
    EXPECT_EQ(line.globals.log.path, "f");
    EXPECT_EQ(line.globals.log.format, log::Format::kJson);
    EXPECT_EQ(line.verb, "state");
    EXPECT_THAT(line.args, ElementsAre("x"));
  }
}

TEST(CommandLine, FlagsOfTheVerbStayWithTheVerb) {
  const CommandLine line = read_command_line({"--root", "/r", "run", "--root", "x", "-v", "--help"});
  EXPECT_EQ(line.globals.root, "/r");
  EXPECT_FALSE(line.version);
  EXPECT_FALSE(line.help);
  EXPECT_THAT(line.args, ElementsAre("--root", "x", "-v", "--help"));
}

TEST(CommandLine, Refusals) {
  EXPECT_THROW(read_command_line({"--root", "/", "list"}), Error);
  EXPECT_THROW(read_command_line({"--log-format", "xml", "list"}), Error);
  EXPECT_THROW(read_command_line({"--cgroup-manager", "other", "list"}), Error);
  EXPECT_THROW(read_command_line({"--rootless", "perhaps", "list"}), Error);
}

TEST(Signals, NamesAndNumbers) {
  for (const char* text : {"9", "KILL", "SIGKILL", "kill", "sigkill"})
    EXPECT_EQ(parse_signal(text), SIGKILL) << text;
  EXPECT_EQ(parse_signal("SIGRTMIN"), 34);
  EXPECT_EQ(parse_signal("RTMIN+3"), 37);
  EXPECT_EQ(parse_signal("rtmax-1"), 63);
  for (const char* text : {"", "0", "65", "-1", "+9", "9x", "SIG", "FOO", "RTMIN+99", "RTMIN3", "RTMIN-1"})
    EXPECT_THROW(parse_signal(text), Error) << text;
}

}  // namespace
}  // namespace crunlite::cmd
