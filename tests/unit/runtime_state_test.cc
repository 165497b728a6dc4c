// SPDX-License-Identifier: Apache-2.0
// The record and its directory: who gets an id, what survives damage, and when a process is the recorded one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "runtime/record.h"
#include "runtime/state_dir.h"

namespace crunlite::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Root : public testing::Test {
 protected:
  ~Root() override { remove_tree(AT_FDCWD, path_); }
  Ref ref(const std::string& id) const { return {.root = path_, .id = id}; }
  std::string path_ = cat(testing::TempDir(), "crunlite-", random_hex(6));
};

template <class Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Record sample() {
  return {.phase = Record::Phase::kCreated,
          .id = "web",
          .oci_version = "1.3.0",
          .bundle = "/b",
          .rootfs = "/b/rootfs",
          .created = "2026-11-23T03:15:29.000000001Z",
          .annotations = {{"k", "v"}},
          .init = {.pid = 7, .start_time = UINT64_MAX, .boot_id = "boot"},
          .stdio = {"/dev/null", "pipe:[7]", "pipe:[8]"},
          .poststart = {{.path = "/h", .args = {"h", "x"}, .timeout = 3}},
          .poststop = {{.path = "/p"}}};
}

TEST(Record, RoundTrip) {
  const std::string text = encode_record(sample());
  EXPECT_EQ(encode_record(decode_record(text, "state.json")), text);
  EXPECT_EQ(decode_record(text, "state.json").init.start_time, UINT64_MAX);
  EXPECT_EQ(decode_record(text, "state.json").poststart[0].timeout, 3);
}

TEST(Record, SaysWhatIsWrong) {
  const std::string text = encode_record(sample());
  EXPECT_THAT(error_of([&] { decode_record("", "state.json"); }), HasSubstr("state.json:1:1: not JSON"));
  EXPECT_THAT(error_of([&] { decode_record(text.substr(0, text.size() / 2), "s"); }), HasSubstr("not JSON"));
  EXPECT_THAT(error_of([&] { decode_record("{}", "s"); }), HasSubstr("\"version\" is missing"));
  EXPECT_THAT(error_of([&] { decode_record(R"({"version":99})", "s"); }),
              HasSubstr("written by another version of crun-lite (format 99)"));
  EXPECT_THAT(error_of([&] { decode_record(R"({"version":1,"phase":"dancing"})", "s"); }),
              HasSubstr("/phase"));
}

// Every prefix of a record is refused, not half understood.
TEST(Record, NoPrefixIsARecord) {
  const std::string text = encode_record(sample());
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_THROW(decode_record(text.substr(0, size), "s"), Error);
}

TEST(Ids, Grammar) {
  for (const char* id : {"a", "buildah-buildah1268435218", "A_b+c-d.e", "0"})
    EXPECT_NO_THROW(check_id(id)) << id;
  for (const char* id : {"", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "ä"})
    EXPECT_THROW(check_id(id), Error) << id;
  EXPECT_NO_THROW(check_id(std::string(255, 'a')));
  EXPECT_THROW(check_id(std::string(256, 'a')), Error);
}

TEST_F(Root, OneReservationPerId) {
  StateDir first = StateDir::reserve(ref("web"));
  EXPECT_EQ(error_of([&] { StateDir::reserve(ref("web")); }), "container with given ID already exists");
  first.keep();
  EXPECT_THAT(list_ids(path_), ElementsAre("web"));
}

TEST_F(Root, ReservationIsGivenBackUnlessKept) {
  { const StateDir dir = StateDir::reserve(ref("web")); }
  EXPECT_THAT(list_ids(path_), IsEmpty());
  EXPECT_EQ(error_of([&] { StateDir::open(ref("web")); }), "container does not exist");
}

TEST_F(Root, MissingRootHoldsNothing) {
  EXPECT_THAT(list_ids(path_), IsEmpty());
  EXPECT_FALSE(StateDir::find(ref("web")));
}

TEST_F(Root, RecordIsReadBack) {
  StateDir dir = StateDir::reserve(ref("web"));
  EXPECT_THAT(error_of([&] { (void)dir.read(); }), HasSubstr("No such file"));
  dir.write(sample());
  EXPECT_EQ(dir.read().bundle, "/b");
  dir.remove();
  EXPECT_TRUE(dir.gone());
}

TEST(Process, OnlyTheRecordedOneIsAlive) {
  const Proc proc = check(Proc::open(), "open procfs");
  const ProcessId self = identify(proc, ::getpid());
  EXPECT_TRUE(open_if_alive(proc, self));
  ProcessId other = self;
  ++other.start_time;
  EXPECT_FALSE(open_if_alive(proc, other)) << "a reused pid";
  other = self;
  other.boot_id = "another";
  EXPECT_FALSE(open_if_alive(proc, other)) << "before the reboot";
  EXPECT_FALSE(open_if_alive(proc, ProcessId{}));
}

TEST(Process, ZombieIsNotAlive) {
  const Proc proc = check(Proc::open(), "open procfs");
  Child child = spawn({.path = "/bin/sleep", .args = {"sleep", "100"}});
  const ProcessId id = identify(proc, child.pid());
  EXPECT_TRUE(open_if_alive(proc, id));
  child.kill_and_reap();
  EXPECT_FALSE(open_if_alive(proc, id));
}

}  // namespace
}  // namespace crunlite::runtime
