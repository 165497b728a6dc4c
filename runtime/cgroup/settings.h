// SPDX-License-Identifier: Apache-2.0
// linux.resources as the list of files to write, for either version of cgroups; one source file per
// controller. Pure: nothing is written here, so a test can compare lists. The kernel does the range checks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"

namespace crunlite::runtime {

struct Setting {
  std::string file;
  std::string value;
  bool optional = false;  // nothing is lost when the kernel has no such file
  // For files with a line per device, interface or the like, the first word of `value`: what stands behind
  // that word when there is no line for it. Taking an update back needs it.
  std::string absent = {};
  bool operator==(const Setting&) const = default;
};
using Settings = std::vector<Setting>;
// What a file of the cgroup holds now; nothing when it is not there. An update may give half of a pair that
// the kernel takes as a whole (cpu.max).
using CurrentValue = std::function<std::optional<std::string>(const std::string& file)>;

Settings memory_v1(const oci::Resources& resources, const CurrentValue& current);
Settings memory_v2(const oci::Resources& resources, const CurrentValue& current);
Settings cpu_v1(const oci::Resources& resources, const CurrentValue& current);
Settings cpu_v2(const oci::Resources& resources, const CurrentValue& current);
Settings cpuset(const oci::Resources& resources, const CurrentValue& current);
Settings pids(const oci::Resources& resources, const CurrentValue& current);
Settings blkio_v1(const oci::Resources& resources, const CurrentValue& current);
Settings io_v2(const oci::Resources& resources, const CurrentValue& current);
Settings hugetlb_v1(const oci::Resources& resources, const CurrentValue& current);
Settings hugetlb_v2(const oci::Resources& resources, const CurrentValue& current);
Settings net_cls_v1(const oci::Resources& resources, const CurrentValue& current);
Settings net_prio_v1(const oci::Resources& resources, const CurrentValue& current);
// Throws: v2 has neither of the two.
Settings network_v2(const oci::Resources& resources, const CurrentValue& current);
Settings rdma(const oci::Resources& resources, const CurrentValue& current);
// The files of v2 that the bundle names itself; values with several lines become one write per line.
Settings unified(const oci::Resources& resources);

// A controller under its names in the two versions, and what it does with a document. Without a name in v2
// its function is there to say so.
struct Controller {
  std::string_view v1_name;
  Settings (*v1)(const oci::Resources&, const CurrentValue&);
  std::string_view v2_name;
  Settings (*v2)(const oci::Resources&, const CurrentValue&);
};
inline constexpr Controller kControllers[] = {
    {"cpuset", cpuset, "cpuset", cpuset},
    {"cpu", cpu_v1, "cpu", cpu_v2},
    {"memory", memory_v1, "memory", memory_v2},
    {"pids", pids, "pids", pids},
    {"blkio", blkio_v1, "io", io_v2},
    {"hugetlb", hugetlb_v1, "hugetlb", hugetlb_v2},
    {"net_cls", net_cls_v1, "", network_v2},
    {"net_prio", net_prio_v1, "", network_v2},
    {"rdma", rdma, "rdma", rdma},
};

// cpu.shares (2 … 262144, default 1024) as cpu.weight (1 … 10000, default 100): the quadratic in log2 that
// maps minimum, default and maximum to each other (runc 1.3.2, crun 1.23; systemd's and the old linear
// formula gave a default container less than its share). 0 stands for "not set" in both.
uint64_t cpu_weight_from_shares(uint64_t shares);

// blkio.weight (10 … 1000) as io.weight (1 … 10000), a straight line. Throws Error(kConfig) outside of that.
uint64_t io_weight_from_blkio(uint16_t weight);

}  // namespace crunlite::runtime
