// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/sys.h"
#include "engine/event_loop.h"
#include "engine/hints.h"

namespace crunlite::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(EventLoop, CallsWhoIsInterested) {
  EventLoop loop;
  const sys::PipeEnds one = check(sys::pipe(), "pipe");
  sys::PipeEnds two = check(sys::pipe(), "pipe");
  check(sys::write_all(one.write.get(), "x"), "write");
  two.write.reset();  // a hang-up
  int ones = 0;
  int twos = 0;
  loop.add([&] { return pollfd{ones < 2 ? one.read.get() : -1, POLLIN, 0}; }, [&] { ++ones; });
  loop.add(two.read.get(), [&] {
    if (++twos == 5) loop.stop();
  });
  loop.add(-1, [] { FAIL(); });
  loop.run();
  EXPECT_EQ(ones, 2);
  EXPECT_EQ(twos, 5);
}

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n"
    "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n"
    "   2: 0100007F:0016 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 00000000000000000000000001000000:1389 00000000000000000000000000000000:0000 0A 0:0\n"
    "   1: 0000000000000000FFFF00000100007F:138A 00000000000000000000000000000000:0000 0A 0:0\n"
    "   2: 00000000000000000000000000000000:138B 00000000000000000000000000000000:0000 0A 0:0\n";

net::PublishedPort published(uint16_t port) {
  return {.host_port = port, .container_port = port};
}

TEST(Hints, OnlyPortsThatNobodyCanReach) {
  std::vector<Listener> listeners = parse_listeners(kTcp);
  EXPECT_EQ(listeners.size(), 2u);
  const std::vector<Listener> ipv6 = parse_listeners(kTcp6);
  listeners.insert(listeners.end(), ipv6.begin(), ipv6.end());
  EXPECT_THAT(loopback_hints({published(5000), published(5000)}, listeners),
              ElementsAre(HasSubstr("port 5000 is published")));
  EXPECT_EQ(loopback_hints({published(5001), published(5002)}, listeners).size(), 2u);
  EXPECT_THAT(loopback_hints({published(8080), published(5003), published(22), published(9)}, listeners),
              IsEmpty());
  listeners.push_back({.port = 5000, .loopback = false});
  EXPECT_THAT(loopback_hints({published(5000)}, listeners), IsEmpty());
}

TEST(Hints, HandledSignals) {
  EXPECT_TRUE(handles_signal("SigIgn:\t0\nSigCgt:\t0000000000004002\n", SIGTERM));
  EXPECT_TRUE(handles_signal("SigCgt:\t0000000000004002\n", SIGINT));
  EXPECT_FALSE(handles_signal("SigCgt:\t0000000000004000\n", SIGINT));
  EXPECT_FALSE(handles_signal("SigCgt:\t0000000000000000\n", SIGTERM));
  EXPECT_TRUE(handles_signal("SigBlk:\tfffffffffffbfeff\nSigCgt:\t0000000000000000\n", SIGTERM));
  EXPECT_TRUE(handles_signal("", SIGTERM));
}

}  // namespace
}  // namespace crunlite::engine
