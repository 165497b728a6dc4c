// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/blkio-controller.rst, block/bfq-iosched.rst, and cgroup-v2.rst, "IO".
#include "base/error.h"
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {
namespace {

// Go programs write 0 for a weight that nobody set.
std::optional<uint16_t> given(const std::optional<uint16_t>& weight) {
  return weight && *weight != 0 ? weight : std::nullopt;
}

template <class Device>
std::string name(const Device& device) {
  return cat(device.major, ":", device.minor);
}

// The proportional scheduler is CFQ with its plain names up to Linux 4.20 and BFQ since.
std::string present(const CurrentValue& current, const char* cfq, const char* bfq) {
  return current(cfq) ? cfq : bfq;
}

void throttle_v1(const std::vector<oci::ThrottleDevice>& devices, const char* file, Settings& out) {
  for (const oci::ThrottleDevice& device : devices)
    out.push_back({.file = file, .value = cat(name(device), " ", device.rate), .absent = "0"});
}

void throttle_v2(const std::vector<oci::ThrottleDevice>& devices, std::string_view key, Settings& out) {
  for (const oci::ThrottleDevice& device : devices) {
    const std::string rate = device.rate == 0 ? "max" : cat(device.rate);
    out.push_back({.file = "io.max",
                   .value = cat(name(device), " ", key, "=", rate),
                   .absent = "rbps=max wbps=max riops=max wiops=max"});
  }
}

[[noreturn]] void no_leaf_weight() {
  throw Error(ErrorKind::kUnsupported,
              "linux.resources.blockIO.leafWeight exists only in cgroup v1, and the io controller of this ",
              "machine is cgroup v2")
      .with_remedy("leave it out: cgroup v2 has no processes beside inner cgroups");
}

}  // namespace

uint64_t io_weight_from_blkio(uint16_t weight) {
  if (weight < 10 || weight > 1000)
    throw Error(ErrorKind::kConfig, "linux.resources.blockIO: a weight is 10 to 1000, not ", weight);
  return 1 + (uint64_t{weight} - 10) * 9999 / 990;
}

Settings blkio_v1(const oci::Resources& resources, const CurrentValue& current) {
  const oci::BlockIo& io = resources.block_io;
  Settings out;
  if (const auto weight = given(io.weight))
    out.push_back({present(current, "blkio.weight", "blkio.bfq.weight"), cat(*weight)});
  if (const auto leaf = given(io.leaf_weight)) out.push_back({"blkio.leaf_weight", cat(*leaf)});
  for (const oci::WeightDevice& device : io.weight_device) {
    if (const auto weight = given(device.weight))
      out.push_back({.file = present(current, "blkio.weight_device", "blkio.bfq.weight_device"),
                     .value = cat(name(device), " ", *weight),
                     .absent = "0"});
    if (const auto leaf = given(device.leaf_weight))
      out.push_back(
          {.file = "blkio.leaf_weight_device", .value = cat(name(device), " ", *leaf), .absent = "0"});
  }
  throttle_v1(io.read_bps, "blkio.throttle.read_bps_device", out);
  throttle_v1(io.write_bps, "blkio.throttle.write_bps_device", out);
  throttle_v1(io.read_iops, "blkio.throttle.read_iops_device", out);
  throttle_v1(io.write_iops, "blkio.throttle.write_iops_device", out);
  return out;
}

Settings io_v2(const oci::Resources& resources, const CurrentValue& current) {
  const oci::BlockIo& io = resources.block_io;
  const bool bfq = current("io.bfq.weight").has_value();
  const std::string file = bfq ? "io.bfq.weight" : "io.weight";
  const auto value = [&](uint16_t weight) { return bfq ? cat(weight) : cat(io_weight_from_blkio(weight)); };
  Settings out;
  if (given(io.leaf_weight)) no_leaf_weight();
  if (const auto weight = given(io.weight))
    out.push_back({.file = file, .value = "default " + value(*weight), .absent = "100"});
  for (const oci::WeightDevice& device : io.weight_device) {
    if (given(device.leaf_weight)) no_leaf_weight();
    if (const auto weight = given(device.weight))
      out.push_back({.file = file, .value = cat(name(device), " ", value(*weight)), .absent = "default"});
  }
  throttle_v2(io.read_bps, "rbps", out);
  throttle_v2(io.write_bps, "wbps", out);
  throttle_v2(io.read_iops, "riops", out);
  throttle_v2(io.write_iops, "wiops", out);
  return out;
}

}  // namespace crunlite::runtime
