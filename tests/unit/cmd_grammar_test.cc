// SPDX-License-Identifier: Apache-2.0
// How flags are read, the same for all verbs; and that the rule which tells the two meanings of a verb apart
// knows the flags that the verb's grammar has.
#include "cmd/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cmd/criu_flags.h"
#include "cmd/dispatch.h"
#include "cmd/oci_create_flags.h"
#include "cmd/oci_exec_flags.h"
#include "cmd/oci_flags.h"

namespace crunlite::cmd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// One flag of each kind.
struct Flags {
  std::string bundle = "unset";
  std::vector<std::string> env;
  std::string format = "table";
  unsigned number = 7;
  bool all = false;
  bool quiet = false;
  std::string id, signal;
  Args rest;
  std::string error;
};

void describe(Grammar& grammar, Flags& flags) {
  grammar.option("-b,--bundle", flags.bundle, "DIR", "");
  grammar.list("-e,--env", flags.env, "NAME=VALUE", "");
  grammar.choice("-f,--format", flags.format, {"table", "json"}, "");
  grammar.option("-n,--number", flags.number, "N", "");
  grammar.flag("-a,--all", flags.all, "");
  grammar.flag("-q,--quiet", flags.quiet, "");
}

Flags read(const Args& args) {
  Flags flags;
  Grammar grammar("crun-lite test", "");
  describe(grammar, flags);
  grammar.required("container-id", flags.id, "");
  grammar.optional("signal", flags.signal, "");
  try {
    (void)grammar.read(args);
  } catch (const Error& error) {
    flags.error = error.what();
  }
  return flags;
}

Flags read_front(const Args& args) {
  Flags flags;
  Grammar grammar("crun-lite test", "");
  describe(grammar, flags);
  try {
    flags.rest = grammar.read_front(args);
  } catch (const Error& error) {
    flags.error = error.what();
  }
  return flags;
}

TEST(FlagForms, AreAllTheSameWhateverTheValue) {
  for (const std::string value : {"", "x", "-x", "--", "--all", "a=b", "=", "-1", "[a,b]", "{}", "a b"}) {
    for (const Args& words : {Args{"--bundle", value}, Args{"--bundle=" + value}, Args{"-b", value},
                              Args{"-b=" + value}, Args{"-ab", value}, Args{"-ab=" + value}}) {
      Args args = words;
      args.emplace_back("id");
      EXPECT_EQ(read(args).bundle, value) << words[0];
      EXPECT_EQ(read(args).id, "id") << words[0];
      EXPECT_EQ(read(args).error, "") << words[0];
      EXPECT_EQ(read_front(args).bundle, value) << words[0];
      EXPECT_THAT(read_front(args).rest, ElementsAre("id")) << words[0];
    }
  }
  EXPECT_EQ(read({"-bx=y", "id"}).bundle, "x=y");
  EXPECT_EQ(read({"-abx", "id"}).bundle, "x");
}

TEST(FlagForms, OfAFlagThatMayBeRepeated) {
  const Args wanted{"", "A=1", "", "-x", "B=[x,y]", "--"};
  for (const Args& words :
       {Args{"--env", "", "--env", "A=1", "-e", "", "-e", "-x", "-e", "B=[x,y]", "-e", "--"},
        Args{"--env=", "--env=A=1", "-e=", "-e=-x", "-eB=[x,y]", "--env=--"}}) {
    Args args = words;
    args.emplace_back("id");
    EXPECT_EQ(read(args).env, wanted);
    EXPECT_EQ(read_front(args).env, wanted);
    EXPECT_THAT(read_front(args).rest, ElementsAre("id"));
  }
}

TEST(FlagForms, AValueThatTheFlagCannotHaveIsRefusedInEachOfThem) {
  for (const char* value : {"", "x", "-1", "1.5", "99999999999"})
    for (const Args& words : {Args{"--number", value}, Args{"--number="}, Args{"-n", value}, Args{"-n="}}) {
      Args args = words;
      if (args.size() == 1) args[0] += value;
      args.emplace_back("id");
      EXPECT_THAT(read(args).error, HasSubstr("--number")) << args[0] << value;
    }
  for (const char* value : {"", "xml", "TABLE"})
    for (const Args& words : {Args{"--format", value}, Args{"--format="}, Args{"-f", value}, Args{"-f="}}) {
      Args args = words;
      if (args.size() == 1) args[0] += value;
      args.emplace_back("id");
      EXPECT_THAT(read(args).error, HasSubstr("--format")) << args[0] << value;
    }
  for (const char* last : {"--bundle", "-b", "-ab"})
    EXPECT_THAT(read({"id", last}).error, HasSubstr("crun-lite test: --bundle")) << last;
}

TEST(FlagForms, OfASwitch) {
  for (const char* word : {"--all", "-a", "--all=true", "-a=true", "--all=1", "-qa=true"})
    EXPECT_TRUE(read({word, "id"}).all) << word;
  for (const char* word : {"--all=false", "-a=false", "--all=0", "-qa=false"}) {
    EXPECT_FALSE(read({"-a", word, "id"}).all) << word;
    EXPECT_EQ(read({word, "id"}).error, "") << word;
  }
  EXPECT_TRUE(read({"-qa=false", "id"}).quiet);
  EXPECT_EQ(read({"--all", "false"}).id, "false") << "it takes no word of its own";
  for (const char* word : {"--all=", "-a=", "--all=perhaps"})
    EXPECT_THAT(read({word, "id"}).error, HasSubstr("--all")) << word;
}

TEST(FlagForms, TheLastOfTwoCounts) {
  const Flags flags =
      read({"-b", "1", "--format=json", "--all=false", "--bundle=2", "-ftable", "-a", "-a", "id"});
  EXPECT_EQ(flags.error, "");
  EXPECT_EQ(flags.bundle, "2");
  EXPECT_EQ(flags.format, "table");
  EXPECT_TRUE(flags.all);
  EXPECT_EQ(read({"--bundle=1", "--bundle=", "id"}).bundle, "");
}

TEST(FlagForms, EndWhereAnotherProgramsBegin) {
  EXPECT_THAT(read_front({"-a", "id", "--bundle=", "-b=x", "--", "-aq"}).rest,
              ElementsAre("id", "--bundle=", "-b=x", "--", "-aq"));
  EXPECT_THAT(read_front({"-a", "--", "--bundle=", "id"}).rest, ElementsAre("--", "--bundle=", "id"));
  EXPECT_THAT(read_front({"--nosuch=", "--bundle=", "id"}).rest, ElementsAre("--nosuch=", "id"));
  // Without a program of somebody else's they may stand behind the words.
  EXPECT_EQ(read({"id", "--bundle=", "-a"}).bundle, "");
  EXPECT_EQ(read({"id", "-9"}).signal, "-9");
  EXPECT_EQ(read({"abc", "xb=y"}).id, "abc") << "letters of a word are no flags";
  EXPECT_EQ(read({"abc", "xb=y"}).signal, "xb=y");
  EXPECT_EQ(read({"--", "--bundle="}).id, "--bundle=");
  EXPECT_THAT(read({"id", "--nosuch="}).error, HasSubstr("--nosuch="));
}

using Pairs = std::vector<std::pair<std::string, bool>>;

template <class OfVerb>
Pairs flags_of_grammar() {
  OfVerb flags;
  Grammar grammar("", "");
  describe(grammar, flags);
  Pairs out;
  for (const Grammar::Name& name : grammar.names())
    if (name.name != "-h" && name.name != "--help") out.emplace_back(name.name, name.takes_value);
  return out;
}

Pairs flags_of_rule(std::string_view verb) {
  Pairs out;
  for (const OciFlag& flag : oci_flags_of(verb)) {
    const bool go_runcs = flag.name.size() > 2 && !flag.name.starts_with("--");  // -no-subreaper
    if (!go_runcs) out.emplace_back(flag.name, flag.takes_value);
  }
  return out;
}

TEST(Door, KnowsTheFlagsOfTheGrammars) {
  EXPECT_THAT(flags_of_rule("run"), UnorderedElementsAreArray(flags_of_grammar<RunFlags>()));
  EXPECT_THAT(flags_of_rule("exec"), UnorderedElementsAreArray(flags_of_grammar<ExecFlags>()));
  EXPECT_THAT(flags_of_rule("kill"), UnorderedElementsAreArray(flags_of_grammar<KillFlags>()));
  EXPECT_THAT(flags_of_rule("ps"), UnorderedElementsAreArray(flags_of_grammar<PsFlags>()));
  EXPECT_THAT(flags_of_rule("update"), UnorderedElementsAreArray(flags_of_grammar<UpdateFlags>()));
  EXPECT_THAT(flags_of_rule("events"), UnorderedElementsAreArray(flags_of_grammar<EventsFlags>()));
  EXPECT_THAT(flags_of_rule("checkpoint"), UnorderedElementsAreArray(flags_of_grammar<CheckpointFlags>()));
  for (const char* verb : {"start", "pause"}) EXPECT_THAT(flags_of_rule(verb), IsEmpty()) << verb;
  // Those of `create` and `run` are one table: that `create` has no --detach is not what tells it apart.
  const Pairs of_run = flags_of_rule("run");
  for (const auto& flag : flags_of_grammar<CreateFlags>())
    EXPECT_THAT(of_run, testing::Contains(flag)) << flag.first;
}

}  // namespace
}  // namespace crunlite::cmd
