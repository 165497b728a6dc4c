// SPDX-License-Identifier: Apache-2.0
#include "engine/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/devices.h"
#include "engine/environment.h"
#include "engine/names.h"

namespace crunlite::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class Body>
std::string usage_error(Body body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(Values, Sizes) {
  EXPECT_EQ(parse_size("4096"), 4096);
  EXPECT_EQ(parse_size("512m"), 512ll << 20);
  EXPECT_EQ(parse_size("512M"), 512ll << 20);
  EXPECT_EQ(parse_size("1.5g"), 3ll << 29);
  EXPECT_EQ(parse_size("2kb"), 2048);
  EXPECT_EQ(parse_size("2KiB"), 2048);
  EXPECT_EQ(parse_size("7b"), 7);
  EXPECT_EQ(parse_size("1t"), 1ll << 40);
  for (const char* text :
       {"", "m", "b", "-1", "1x", "1mm", "1 2", "0x10", "1e3", ".", "1..5", "9999999999p", "kb"}) {
    EXPECT_EQ(usage_error([&] { parse_size(text); }), cat("invalid size: '", text, "'"));
  }
}

TEST(Values, Cpus) {
  EXPECT_EQ(parse_cpus("1.5"), 1'500'000'000);
  EXPECT_EQ(parse_cpus("0.01"), 10'000'000);
  EXPECT_EQ(parse_cpus(".5"), 500'000'000);
  EXPECT_EQ(parse_cpus("0"), 0);
  for (const char* text : {"", "x", "-1", "1e2", "1.2.3", "inf", "nan", "0x1"}) {
    EXPECT_THAT(usage_error([&] { parse_cpus(text); }), HasSubstr("as a rational number"));
  }
  EXPECT_THAT(usage_error([] { parse_cpus("0.001"); }), HasSubstr("from 0.01 up"));
}

TEST(Values, Ulimits) {
  EXPECT_EQ(parse_ulimit("nofile=1024:4096").hard, 4096u);
  EXPECT_EQ(parse_ulimit("nofile=1024").hard, 1024u);
  EXPECT_EQ(parse_ulimit("core=-1").soft, UINT64_MAX);
  EXPECT_EQ(parse_ulimit("memlock=unlimited").type, "RLIMIT_MEMLOCK");
  EXPECT_THAT(usage_error([] { parse_ulimit("nofile"); }), HasSubstr("invalid ulimit argument"));
  EXPECT_THAT(usage_error([] { parse_ulimit("files=1"); }), HasSubstr("invalid ulimit type: files"));
  EXPECT_THAT(usage_error([] { parse_ulimit("nofile=2:1"); }), HasSubstr("less than or equal"));
  EXPECT_THAT(usage_error([] { parse_ulimit("nofile=a:b"); }), HasSubstr("invalid ulimit argument"));
}

TEST(Values, Volumes) {
  const Volume bind = parse_volume("/a/../b:/data/:ro,rslave", "/cwd");
  EXPECT_EQ(bind.source, "/b");
  EXPECT_EQ(bind.destination, "/data");
  EXPECT_TRUE(bind.readonly);
  EXPECT_EQ(bind.propagation, "rslave");
  EXPECT_EQ(parse_volume("./x:/y", "/cwd").source, "/cwd/x");
  EXPECT_EQ(parse_volume("..:/y", "/cwd/sub").source, "/cwd");
  EXPECT_FALSE(parse_volume("cache:/y", "/cwd").is_bind());
  EXPECT_EQ(parse_volume("/y", "/cwd").source, "");
  EXPECT_FALSE(parse_volume("cache:/y:nocopy", "/cwd").copy_from_image);
  for (const char* text : {"", "/a:/b:ro:rw", "/a:/b:fast", "a b:/y", "/a:"}) {
    EXPECT_THAT(usage_error([&] { parse_volume(text, "/"); }), HasSubstr("invalid volume specification"));
  }
  EXPECT_THAT(usage_error([] { parse_volume("/a:relative", "/"); }),
              HasSubstr("mount path must be absolute"));
  EXPECT_THAT(usage_error([] { parse_volume("/a:/..", "/"); }), HasSubstr("destination can't be '/'"));
}

TEST(Values, TmpfsNamesAndPaths) {
  EXPECT_THAT(parse_tmpfs("/run:size=64m,exec").options,
              ElementsAre("noexec", "nosuid", "nodev", "size=64m", "exec"));
  EXPECT_THAT(usage_error([] { parse_tmpfs("run"); }), HasSubstr("must be absolute"));
  EXPECT_EQ(clean_path("//a/./b//../c/"), "/a/c");
  EXPECT_EQ(clean_path("../.."), "/");
  EXPECT_TRUE(is_name("web-1.a_b"));
  for (const char* text : {"", "a", "-a", ".a", "a b", "a/b", "ä1"}) EXPECT_FALSE(is_name(text)) << text;
  EXPECT_TRUE(is_name(random_name()));
}

TEST(Values, Devices) {
  const ChosenDevices chosen = choose_devices({"/dev/null", "/dev/zero:/dev/nothing:r"});
  ASSERT_EQ(chosen.devices.size(), 2u);
  EXPECT_EQ(chosen.devices[1].path, "/dev/nothing");
  EXPECT_EQ(chosen.devices[1].minor, 5);
  EXPECT_EQ(chosen.rules[0].access, "rwm");
  EXPECT_EQ(chosen.rules[1].access, "r");
  EXPECT_THAT(usage_error([] { choose_devices({"/dev/not-there"}); }), HasSubstr("No such file"));
  EXPECT_THAT(usage_error([] { choose_devices({"/etc/passwd"}); }), HasSubstr("not a device node"));
  EXPECT_THAT(usage_error([] { choose_devices({"/dev/null:/x:rx"}); }), HasSubstr("invalid device mode"));
  EXPECT_THAT(usage_error([] { choose_devices({"null"}); }), HasSubstr("invalid device specification"));
}

const char* caller(const std::string& name) {
  return name == "HAVE" ? "it" : nullptr;
}

TEST(Values, EnvironmentFlags) {
  EXPECT_EQ(parse_env("A=b=c", caller), (EnvEntry{"A", "b=c"}));
  EXPECT_EQ(parse_env("A=", caller), (EnvEntry{"A", ""}));
  EXPECT_EQ(parse_env("HAVE", caller), (EnvEntry{"HAVE", "it"}));
  EXPECT_EQ(parse_env("HAVE_NOT", caller), std::nullopt);
  EXPECT_THAT(usage_error([] { parse_env("=x", caller); }), HasSubstr("invalid environment variable: =x"));
  EXPECT_THAT(parse_env_file("# no\n\n A=1\r\nHAVE\nNOT\nB='q'\n", "f", caller),
              ElementsAre(EnvEntry{"A", "1"}, EnvEntry{"HAVE", "it"}, EnvEntry{"B", "'q'"}));
  EXPECT_EQ(usage_error([] { parse_env_file("A=1\nB C=2\n", "f", caller); }),
            "f:2: variable \"B C\" contains whitespaces");
}

TEST(Values, EnvironmentOrder) {
  Environment env;
  env.set("PATH", "/bin");
  env.set_from_image("A=1");
  env.set_from_image("PATH=/usr/bin");
  env.set("A", "2");
  env.set_default("A", "3");
  EXPECT_THAT(env.entries(), ElementsAre("PATH=/usr/bin", "A=2"));
  // CVE-2020-14370, CVE-2026-57231: an entry without a value must not fetch the host's.
  for (const char* entry : {"PATH", "*", "", "=x"}) {
    EXPECT_THROW(env.set_from_image(entry), Error) << entry;
  }
}

}  // namespace
}  // namespace crunlite::engine
