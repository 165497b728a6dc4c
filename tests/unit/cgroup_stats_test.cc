// SPDX-License-Identifier: Apache-2.0
// What `events` prints, from the files of a v1 and of a v2 machine.
#include "runtime/cgroup/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace crunlite::runtime {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string stats(std::map<std::string, std::string> content) {
  const CurrentValue read = [&](const std::string& file) -> std::optional<std::string> {
    const auto found = content.find(file);
    return found == content.end() ? std::nullopt : std::optional(found->second);
  };
  return json::dump(cgroup_stats(read, {"2MB", "1GB"}));
}

TEST(CgroupStats, V1) {
  const std::string text = stats({
      {"cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 900\nnr_bursts 0\n"},
      {"cpuacct.usage", "3000\n"},
      {"cpuacct.usage_percpu", "1000 2000 \n"},
      {"cpuacct.usage_all", "cpu user system\n0 100 900\n1 500 1500\n"},
      {"cpuacct.stat", "user 3\nsystem 4\n"},
      {"cpuset.cpus", "0-1,3\n"},
      {"cpuset.mems", "0\n"},
      {"cpuset.sched_load_balance", "1\n"},
      {"cpuset.sched_relax_domain_level", "-1\n"},
      {"memory.stat", "cache 10\nrss 20\n"},
      {"memory.limit_in_bytes", "9223372036854771712\n"},
      {"memory.usage_in_bytes", "30\n"},
      {"memory.max_usage_in_bytes", "40\n"},
      {"memory.failcnt", "6\n"},
      {"memory.memsw.limit_in_bytes", "50\n"},
      {"pids.current", "7\n"},
      {"pids.max", "max\n"},
      {"blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 0\nTotal 4096\n"},
      {"hugetlb.2MB.usage_in_bytes", "2097152\n"},
      {"hugetlb.2MB.max_usage_in_bytes", "4194304\n"},
      {"hugetlb.2MB.failcnt", "1\n"},
  });
  EXPECT_THAT(text, HasSubstr(R"("cpu":{"usage":{"total":3000,"percpu":[1000,2000],)"
                              R"("percpu_kernel":[900,1500],"percpu_user":[100,500],)"
                              R"("kernel":40000000,"user":30000000},)"
                              R"("throttling":{"periods":5,"throttledPeriods":2,"throttledTime":900}})"));
  EXPECT_THAT(text, HasSubstr(R"("cpuset":{"cpus":[0,1,3],"cpu_exclusive":0,"mems":[0])"));
  EXPECT_THAT(text, HasSubstr(R"("sched_load_balance":1,"sched_relax_domain_level":-1})"));
  EXPECT_THAT(text, HasSubstr(R"("memory":{"cache":10,"usage":{"limit":9223372036854771712,"usage":30,)"
                              R"("max":40,"failcnt":6},"swap":{"limit":50,"failcnt":0})"));
  EXPECT_THAT(text, HasSubstr(R"("raw":{"cache":10,"rss":20})"));
  EXPECT_THAT(text, HasSubstr(R"("pids":{"current":7})")) << "no limit is no member";
  EXPECT_THAT(text, HasSubstr(R"({"major":8,"op":"Read","value":4096},{"major":8,"op":"Write"}])"));
  EXPECT_THAT(text, HasSubstr(R"("hugetlb":{"2MB":{"usage":2097152,"max":4194304,"failcnt":1}})"));
  EXPECT_THAT(text, Not(HasSubstr("psi")));
}

TEST(CgroupStats, V2) {
  const std::string text = stats({
      {"cpu.stat",
       "usage_usec 3\nuser_usec 1\nsystem_usec 2\nnr_periods 5\nnr_throttled 2\nthrottled_usec 9\n"},
      {"cpu.pressure",
       "some avg10=0.50 avg60=1.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=8\n"},
      {"memory.current", "30\n"},
      {"memory.max", "max\n"},
      {"memory.peak", "40\n"},
      {"memory.events", "low 0\nhigh 0\nmax 6\noom 0\noom_kill 0\n"},
      {"memory.swap.current", "5\n"},
      {"memory.swap.max", "100\n"},
      {"memory.stat", "anon 20\nfile 10\nkernel 3\nsock 2\n"},
      {"pids.current", "7\n"},
      {"pids.max", "16\n"},
      {"io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"},
      {"hugetlb.2MB.current", "2097152\n"},
      {"hugetlb.2MB.events", "max 2\n"},
  });
  EXPECT_THAT(text, HasSubstr(R"("cpu":{"usage":{"total":3000,"kernel":2000,"user":1000},)"
                              R"("throttling":{"periods":5,"throttledPeriods":2,"throttledTime":9000},)"
                              R"("psi":{"some":{"avg10":0.5,"avg60":1.25,"avg300":0.0,"total":77},)"));
  EXPECT_THAT(text, HasSubstr(R"("memory":{"cache":10,"usage":{"limit":18446744073709551615,"usage":30,)"
                              R"("max":40,"failcnt":6},"swap":{"limit":18446744073709551615,"usage":35,)"))
      << "swap counts memory too, as v1 does";
  EXPECT_THAT(text, HasSubstr(R"("pids":{"current":7,"limit":16})"));
  EXPECT_THAT(text, HasSubstr(R"("ioServiceBytesRecursive":[{"major":8,"minor":16,"op":"Read","value":1},)"
                              R"({"major":8,"minor":16,"op":"Write","value":2},)"));
  EXPECT_THAT(text, HasSubstr(R"("op":"Discard","value":6}])"));
  EXPECT_THAT(text, HasSubstr(R"("hugetlb":{"2MB":{"usage":2097152,"failcnt":2}})"));
}

TEST(CgroupStats, OfNothingIsStillADocument) {
  EXPECT_THAT(stats({}), HasSubstr(R"("pids":{})"));
}

TEST(NetworkStats, LeavesOutTheLoopback) {
  const json::Array found = network_stats(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     "
      "0\n"
      "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
  EXPECT_EQ(json::dump(found), R"([{"Name":"eth0","RxBytes":1,"RxPackets":2,"RxErrors":3,"RxDropped":4,)"
                               R"("TxBytes":9,"TxPackets":10,"TxErrors":11,"TxDropped":12}])");
}

TEST(PageSizes, AreNamedAsTheFilesAre) {
  EXPECT_EQ(page_size_name("hugepages-2048kB"), "2MB");
  EXPECT_EQ(page_size_name("hugepages-1048576kB"), "1GB");
  EXPECT_EQ(page_size_name("hugepages-64kB"), "64KB");
  EXPECT_EQ(page_size_name("other"), "");
}

}  // namespace
}  // namespace crunlite::runtime
