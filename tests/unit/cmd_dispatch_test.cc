// SPDX-License-Identifier: Apache-2.0
// Which meaning of a verb is meant, row by row, with the command lines that callers really execute; and the
// small grammars of cmd/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <iterator>
#include <span>
#include <sstream>

#include "base/error.h"
#include "cmd/command_line.h"
#include "cmd/dispatch.h"
#include "cmd/signals.h"

namespace crunlite::cmd {
namespace {

using testing::ElementsAre;

// The world in which a command line is said. "app" is an image; "web" and "4f3a" name a container made from
// one, "15" is another one's name; "oci1" is a container that an OCI caller made; everything else is
// nobody's.
struct World {
  bool bundle_here = false;
  bool asked = false;  // the command line alone did not decide
};

Whose whose(const std::string& word) {
  if (word == "web" || word == "4f3a" || word == "15") return Whose::kImage;
  return word == "oci1" || word == "ls" ? Whose::kOci : Whose::kNobody;
}

CommandLine line_of(const Args& words) {
  CommandLine line = read_command_line(words);
  if (line.verb != "oci") return line;
  line.said_oci = true;
  line.verb = line.args.at(0);
  line.args.erase(line.args.begin());
  return line;
}

Door door(const Args& words, World& world, CalledAs called = CalledAs::kEither) {
  const auto ask = [&](const auto& answer) {
    world.asked = true;
    return answer;
  };
  return door_of(line_of(words), called,
                 {.bundle_here = [&] { return ask(world.bundle_here); },
                  .image_exists = [&](const std::string& name) { return ask(name == "app"); },
                  .whose = [&](const std::string& word) { return ask(whose(word)); }});
}

Args split_words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// How a command line is decided: by its own words, or by what there is in the world.
enum class By { kWords, kWorld };

struct Row {
  const char* words;
  Door door;
  By by = By::kWords;
};

void expect_rows(std::span<const Row> rows, bool bundle_here = false) {
  for (const Row& row : rows) {
    World world{.bundle_here = bundle_here};
    EXPECT_EQ(door(split_words(row.words), world), row.door) << row.words;
    EXPECT_EQ(world.asked, row.by == By::kWorld) << row.words;
  }
}

TEST(Door, RunAndCreate) {
  constexpr Row kRows[] = {
      // BuildKit's runc worker
      {"--log /b/runc-log.json --log-format json run --bundle /b/x --keep x", Door::kOci},
      {"--log /b/runc-log.json --log-format json run --bundle /b/x --no-pivot --keep x", Door::kOci},
      // buildah
      {"create --bundle /b --pid-file /b/pid --no-new-keyring buildah-buildah1", Door::kOci},
      {"--systemd-cgroup create --bundle /b --pid-file /b/pid --console-socket /b/s x", Door::kOci},
      // conmon
      {"--log-format=json --log /l create --bundle /b --pid-file /p --preserve-fds 1 x", Door::kOci},
      {"create --bundle /b --pid-file /p --no-pivot x", Door::kOci},
      // containerd
      {"--root /r --log /l --log-format json --rootless=true create --bundle /b --pid-file /p x", Door::kOci},
      // people with a bundle
      {"run --bundle /b id", Door::kOci},
      {"run --bundle=/b id", Door::kOci},
      {"run -b /b -d id", Door::kOci},
      {"run -d --pid-file f id", Door::kOci},
      {"run --keep id", Door::kOci},
      {"run --no-subreaper id", Door::kOci},
      {"run -no-subreaper id", Door::kOci},
      {"run --pidfd-socket s id", Door::kOci},
      {"create -f other.json id", Door::kOci},
      {"create --help", Door::kOci},
      // people with an image
      {"run -p 5000:5000 app", Door::kImage},
      {"run --publish=5000:5000 app", Door::kImage},
      {"run -dp 5000:5000 app", Door::kImage},
      {"run --rm -it app sh", Door::kImage},
      {"run -it app --bundle x", Door::kImage},
      {"run --help", Door::kImage},
      {"run -h", Door::kImage},
      {"create --name web app", Door::kImage},
      {"create -it app sh", Door::kImage},
      // nothing but words
      {"run app", Door::kImage, By::kWorld},
      {"run other", Door::kImage, By::kWorld},
      {"run -d app", Door::kImage, By::kWorld},
      {"--debug run other", Door::kImage, By::kWorld},
      {"create other", Door::kImage, By::kWorld},
      {"run", Door::kImage},
      // the container's own flags decide nothing
      {"run app --bundle x", Door::kImage},
      {"run -d app prog --keep", Door::kImage},
      {"run -e --bundle app", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, RunAndCreateInABundle) {
  constexpr Row kRows[] = {
      {"run web", Door::kOci, By::kWorld},    {"create web", Door::kOci, By::kWorld},
      {"run -d web", Door::kOci, By::kWorld}, {"run -- web", Door::kOci, By::kWorld},
      {"run app", Door::kImage, By::kWorld},  {"create app", Door::kImage, By::kWorld},
      {"run other sh", Door::kImage},         {"run -it other", Door::kImage},
  };
  expect_rows(kRows, true);
}

TEST(Door, Exec) {
  constexpr Row kRows[] = {
      // conmon, containerd, BuildKit, CRI-O
      {"--log-format=json --log /l exec --pid-file /p --process /f --detach web", Door::kOci},
      {"exec --pid-file /p --process /f --detach --tty --console-socket /s web", Door::kOci},
      {"--root /r exec --process /f --detach --pid-file /p web", Door::kOci},
      {"--log /l --log-format json exec --process /f web", Door::kOci},
      {"exec --process=/f web", Door::kOci},
      {"exec -p /f web", Door::kOci},
      // people, with flags of one of the two
      {"exec --cwd /tmp web ls", Door::kOci},
      {"exec -c CAP_SYS_ADMIN web ls", Door::kOci},
      {"exec -u 0 --ignore-paused web ls", Door::kOci},
      {"exec -t --cgroup x web ls", Door::kOci},
      {"exec --help", Door::kOci},
      {"exec -it oci1 sh", Door::kImage},
      {"exec -dit oci1 sh", Door::kImage},
      {"exec -ti oci1 sh", Door::kImage},
      {"exec -u0 -w /tmp oci1 sh", Door::kImage},
      {"exec -e A=1 --env-file f oci1 sh", Door::kImage},
      {"exec --privileged oci1 sh", Door::kImage},
      {"exec --detach-keys=ctrl-p oci1 sh", Door::kImage},
      {"exec --nonsense web sh", Door::kOci},
      // and of both
      {"exec -t web sh", Door::kImage, By::kWorld},
      {"exec -u 0 -e A=1 web sh", Door::kImage, By::kWorld},
      {"exec 4f3a sh", Door::kImage, By::kWorld},
      {"exec -t oci1 sh", Door::kOci, By::kWorld},
      {"exec -dt -e A=1 -u 0 oci1 sh", Door::kOci, By::kWorld},
      {"exec nobody sh", Door::kOci, By::kWorld},
      {"exec", Door::kOci},
      // the program's own flags decide nothing
      {"exec oci1 ls -i --workdir", Door::kOci, By::kWorld},
      {"exec web ls --process x", Door::kImage, By::kWorld},
      {"exec -e --process web ls", Door::kImage, By::kWorld},
  };
  expect_rows(kRows);
}

TEST(Door, StartAndPause) {
  constexpr Row kRows[] = {
      {"--root /r start web", Door::kOci},
      {"--log /l --log-format=json pause web", Door::kOci},
      {"start oci1", Door::kOci, By::kWorld},
      {"start nobody", Door::kOci, By::kWorld},
      {"start web", Door::kImage, By::kWorld},
      {"start 4f3a", Door::kImage, By::kWorld},
      {"start -a oci1", Door::kImage},
      {"start -ai oci1", Door::kImage},
      {"start oci1 --attach", Door::kImage},
      {"start oci1 web", Door::kImage},
      {"start --help", Door::kOci},
      {"start", Door::kOci},
      {"pause oci1", Door::kOci, By::kWorld},
      {"pause nobody", Door::kOci, By::kWorld},
      {"pause web", Door::kImage, By::kWorld},
      {"pause web other", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, Kill) {
  constexpr Row kRows[] = {
      // conmon, containerd, BuildKit, CRI-O
      {"--root /r kill web 9", Door::kOci},
      {"kill --all web 9", Door::kOci},
      {"kill -a web 9", Door::kOci},
      {"kill oci1 9", Door::kOci, By::kWorld},
      {"kill oci1 SIGKILL", Door::kOci, By::kWorld},
      {"kill oci1", Door::kOci, By::kWorld},
      {"kill oci1 15", Door::kOci, By::kWorld},  // although a container is called 15
      {"kill nobody 9", Door::kOci, By::kWorld},
      {"kill nobody", Door::kOci, By::kWorld},
      {"kill oci1 nosignal", Door::kOci, By::kWorld},
      {"kill --regex a.*", Door::kOci},
      {"kill web 9", Door::kOci, By::kWorld},
      {"kill web TERM", Door::kOci, By::kWorld},
      // docker
      {"kill web", Door::kImage, By::kWorld},
      {"kill web 15", Door::kImage, By::kWorld},
      {"kill web 4f3a", Door::kImage, By::kWorld},
      {"kill web nobody", Door::kImage, By::kWorld},
      {"kill a b c", Door::kImage},
      {"kill -s INT oci1", Door::kImage},
      {"kill -sINT oci1", Door::kImage},
      {"kill oci1 --signal=9", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, PsAndEvents) {
  constexpr Row kRows[] = {
      {"ps --format json web", Door::kOci},
      {"ps --format=json web", Door::kOci},
      {"ps -f json web", Door::kOci},
      {"ps web", Door::kOci},
      {"ps web -ef", Door::kOci},
      {"ps web -a -o pid", Door::kOci},
      {"--root /r ps", Door::kOci},
      {"ps --help", Door::kOci},
      {"ps", Door::kImage},
      {"ps -a", Door::kImage},
      {"ps -aq", Door::kImage},
      {"ps -f name=web", Door::kImage},
      {"ps --filter name=web", Door::kImage},
      {"ps --format json", Door::kImage},
      {"ps -n 3", Door::kImage},
      {"ps --no-trunc", Door::kImage},
      {"events web", Door::kOci},
      {"events --stats web", Door::kOci},
      {"events --interval 1s web", Door::kOci},
      {"events --stats", Door::kOci},
      {"events", Door::kImage},
      {"events --since 1h", Door::kImage},
      {"events --filter type=container", Door::kImage},
      {"events --format json", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, Update) {
  constexpr Row kRows[] = {
      {"update --resources=/tmp/f web", Door::kOci},
      {"update --resources=- web", Door::kOci},
      {"update --resources - web", Door::kOci},
      {"--root /r update --memory 1m web", Door::kOci},
      {"update -r - web", Door::kOci},
      {"update --cpu-share 5 web", Door::kOci},
      {"update web --cpu-idle 1", Door::kOci},
      {"update -m 512m oci1", Door::kImage},
      {"update --cpus 1.5 oci1", Door::kImage},
      {"update --cpu-shares 512 oci1", Door::kImage},
      {"update --restart=always oci1", Door::kImage},
      {"update --memory 512m web", Door::kImage, By::kWorld},
      {"update --memory 512m oci1", Door::kOci, By::kWorld},
      {"update --memory 512m nobody", Door::kOci, By::kWorld},
      {"update --memory 512m oci1 web", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, Checkpoint) {
  constexpr Row kRows[] = {
      {"checkpoint --image-path /i --work-path /w web", Door::kOci},
      {"checkpoint --file-locks --image-path /i --work-path /w --leave-running web", Door::kOci},
      {"--root /r checkpoint web", Door::kOci},
      {"checkpoint --help", Door::kOci},  // podman asks so whether there is a checkpoint
      {"checkpoint oci1", Door::kOci, By::kWorld},
      {"checkpoint nobody", Door::kOci, By::kWorld},
      {"checkpoint web", Door::kImage, By::kWorld},
      {"checkpoint ls", Door::kOci, By::kWorld},  // a container is called so
      {"checkpoint rm", Door::kImage, By::kWorld},
      {"checkpoint ls web", Door::kImage},
      {"checkpoint create --leave-running web one", Door::kImage},
      {"checkpoint rm web one", Door::kImage},
  };
  expect_rows(kRows);
}

TEST(Door, WhatForcesOne) {
  World world;
  for (const char* words :
       {"oci run app", "oci create -it app", "oci exec -it web sh", "oci ps", "oci kill web", "oci start web",
        "oci pause web", "oci update -m 1m web", "oci events", "oci checkpoint ls web"}) {
    EXPECT_EQ(door(split_words(words), world), Door::kOci) << words;
    EXPECT_EQ(door(split_words(words), world, CalledAs::kImage), Door::kOci) << words;
    const std::string rest = std::string(words).substr(4);
    EXPECT_EQ(door(split_words(rest), world, CalledAs::kOci), Door::kOci) << rest;
  }
  for (const char* words : {"run --bundle b x", "exec --process f x", "kill x 9", "ps x"})
    EXPECT_EQ(door(split_words(words), world, CalledAs::kImage), Door::kImage) << words;
  for (const char* flag : {"--root=/r", "--log=l", "--log-format=json", "--systemd-cgroup", "--rootless=true",
                           "--cgroup-manager=disabled"}) {
    EXPECT_EQ(door({flag, "run", "-it", "app"}, world), Door::kOci) << flag;
    EXPECT_EQ(door({flag, "ps", "-a"}, world), Door::kOci) << flag;
  }
  EXPECT_FALSE(world.asked);
}

TEST(Door, VerbsWithOneMeaning) {
  for (const char* verb :
       {"run", "create", "exec", "ps", "kill", "start", "pause", "update", "events", "checkpoint"})
    EXPECT_TRUE(has_two_meanings(verb)) << verb;
  for (const char* verb :
       {"state", "delete", "list", "resume", "restore", "spec", "features", "load", "mounts"})
    EXPECT_FALSE(has_two_meanings(verb)) << verb;
}

TEST(Door, NameWeWereCalledBy) {
  EXPECT_EQ(called_as("/usr/bin/runc"), CalledAs::kOci);
  EXPECT_EQ(called_as("crun"), CalledAs::kOci);
  EXPECT_EQ(called_as("/usr/local/bin/docker"), CalledAs::kImage);
  EXPECT_EQ(called_as("/usr/bin/crun-lite"), CalledAs::kEither);
  EXPECT_EQ(called_as("/usr/bin/runc-old"), CalledAs::kEither);
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
  EXPECT_EQ(parse_signal("0"), 0);
  for (const char* text : {"", "65", "-1", "+9", "9x", "SIG", "FOO", "RTMIN+99", "RTMIN3", "RTMIN-1"})
    EXPECT_THROW(parse_signal(text), Error) << text;
}

}  // namespace
}  // namespace crunlite::cmd
