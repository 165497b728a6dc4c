// SPDX-License-Identifier: Apache-2.0
// config.json, linux.resources (config-linux.md, Control groups). Reading, then writing.
#include "oci/codec_support.h"

namespace crunlite::oci {
namespace {

DeviceRule decode_device_rule(const Reader& at) {
  // runc's callers write -1 for "any number", the specification leaves the member out.
  const auto number = [&](std::string_view key) {
    const std::optional<int64_t> value = at.get_optional<int64_t>(key);
    return value == -1 ? std::nullopt : value;
  };
  DeviceRule rule{.allow = at.get<bool>("allow", false),
                  .major = number("major"),
                  .minor = number("minor"),
                  .access = at.get<std::string>("access", "rwm")};
  if (!at.get<std::string>("type", "").empty())
    rule.type = named(at, "type", "device type", kDeviceRuleTypes).value_or('a');
  std::erase(rule.access, 'a');  // "all", which runc drops as well: the other letters say what is meant
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    at.at("access").problem(cat("expected letters of rwm, found ", quote(rule.access)));
  return rule;
}

MemoryResources decode_memory(const Reader& at) {
  return MemoryResources{
      .limit = at.get_optional<int64_t>("limit"),
      .reservation = at.get_optional<int64_t>("reservation"),
      .swap = at.get_optional<int64_t>("swap"),
      .kernel = at.get_optional<int64_t>("kernel"),
      .kernel_tcp = at.get_optional<int64_t>("kernelTCP"),
      .swappiness = at.get_optional<uint64_t>("swappiness"),
      .disable_oom_killer = at.get_optional<bool>("disableOOMKiller"),
      .use_hierarchy = at.get_optional<bool>("useHierarchy"),
      .check_before_update = at.get_optional<bool>("checkBeforeUpdate"),
  };
}

CpuResources decode_cpu(const Reader& at) {
  return CpuResources{
      .shares = at.get_optional<uint64_t>("shares"),
      .quota = at.get_optional<int64_t>("quota"),
      .period = at.get_optional<uint64_t>("period"),
      .burst = at.get_optional<uint64_t>("burst"),
      .realtime_runtime = at.get_optional<int64_t>("realtimeRuntime"),
      .realtime_period = at.get_optional<uint64_t>("realtimePeriod"),
      .idle = at.get_optional<int64_t>("idle"),
      .cpus = at.get<std::string>("cpus", ""),
      .mems = at.get<std::string>("mems", ""),
  };
}

int64_t device_number(const Reader& at, std::string_view key) {
  const int64_t number = at.require<int64_t>(key);
  if (number < 0) at.at(key).problem(cat("expected the number of a device, found ", number));
  return number;
}

WeightDevice decode_weight_device(const Reader& at) {
  return WeightDevice{.major = device_number(at, "major"),
                      .minor = device_number(at, "minor"),
                      .weight = at.get_optional<uint16_t>("weight"),
                      .leaf_weight = at.get_optional<uint16_t>("leafWeight")};
}

ThrottleDevice decode_throttle_device(const Reader& at) {
  return ThrottleDevice{.major = device_number(at, "major"),
                        .minor = device_number(at, "minor"),
                        .rate = at.require<uint64_t>("rate")};
}

BlockIo decode_block_io(const Reader& at) {
  const auto throttle = [&](std::string_view key) {
    return list<ThrottleDevice>(at, key, decode_throttle_device);
  };
  return BlockIo{.weight = at.get_optional<uint16_t>("weight"),
                 .leaf_weight = at.get_optional<uint16_t>("leafWeight"),
                 .weight_device = list<WeightDevice>(at, "weightDevice", decode_weight_device),
                 .read_bps = throttle("throttleReadBpsDevice"),
                 .write_bps = throttle("throttleWriteBpsDevice"),
                 .read_iops = throttle("throttleReadIOPSDevice"),
                 .write_iops = throttle("throttleWriteIOPSDevice")};
}

// config-linux.md, Huge page limits: "<size><unit-prefix>B". It becomes part of a file name.
HugepageLimit decode_hugepage_limit(const Reader& at) {
  HugepageLimit limit{.page_size = at.require<std::string>("pageSize"),
                      .limit = at.require<uint64_t>("limit")};
  const std::string& size = limit.page_size;
  const size_t digits = size.find_first_not_of("0123456789");
  const std::string_view unit = digits == std::string::npos ? "" : std::string_view(size).substr(digits);
  const bool good = digits != 0 && !size.starts_with('0') && (unit == "KB" || unit == "MB" || unit == "GB");
  if (!good && at.has("pageSize"))
    at.at("pageSize").problem(cat("expected a size like \"2MB\", found ", quote(size)));
  return limit;
}

InterfacePriority decode_priority(const Reader& at) {
  return InterfacePriority{.name = at.require<std::string>("name"),
                           .priority = at.require<uint32_t>("priority")};
}

std::map<std::string, RdmaLimit> decode_rdma(const Reader& at) {
  std::map<std::string, RdmaLimit> out;
  at.each_member([&](const std::string& device, const Reader& limit) {
    if (!is_object(limit)) return;
    out[device] = {.hca_handles = limit.get_optional<uint32_t>("hcaHandles"),
                   .hca_objects = limit.get_optional<uint32_t>("hcaObjects")};
  });
  return out;
}

Object encode_device_rule(const DeviceRule& r) {
  Members out;
  out.always("allow", r.allow);
  if (r.type != 'a') out.always("type", std::string(1, r.type));
  return out.maybe("major", r.major).maybe("minor", r.minor).always("access", r.access).take();
}

Object encode_memory(const MemoryResources& m) {
  return Members()
      .maybe("limit", m.limit)
      .maybe("reservation", m.reservation)
      .maybe("swap", m.swap)
      .maybe("kernel", m.kernel)
      .maybe("kernelTCP", m.kernel_tcp)
      .maybe("swappiness", m.swappiness)
      .maybe("disableOOMKiller", m.disable_oom_killer)
      .maybe("useHierarchy", m.use_hierarchy)
      .maybe("checkBeforeUpdate", m.check_before_update)
      .take();
}

Object encode_cpu(const CpuResources& c) {
  return Members()
      .maybe("shares", c.shares)
      .maybe("quota", c.quota)
      .maybe("burst", c.burst)
      .maybe("period", c.period)
      .maybe("realtimeRuntime", c.realtime_runtime)
      .maybe("realtimePeriod", c.realtime_period)
      .text("cpus", c.cpus)
      .text("mems", c.mems)
      .maybe("idle", c.idle)
      .take();
}

Object encode_weight_device(const WeightDevice& d) {
  return Members()
      .always("major", d.major)
      .always("minor", d.minor)
      .maybe("weight", d.weight)
      .maybe("leafWeight", d.leaf_weight)
      .take();
}

Object encode_throttle_device(const ThrottleDevice& d) {
  return {{"major", d.major}, {"minor", d.minor}, {"rate", d.rate}};
}

Object encode_block_io(const BlockIo& b) {
  return Members()
      .maybe("weight", b.weight)
      .maybe("leafWeight", b.leaf_weight)
      .list("weightDevice", b.weight_device, encode_weight_device)
      .list("throttleReadBpsDevice", b.read_bps, encode_throttle_device)
      .list("throttleWriteBpsDevice", b.write_bps, encode_throttle_device)
      .list("throttleReadIOPSDevice", b.read_iops, encode_throttle_device)
      .list("throttleWriteIOPSDevice", b.write_iops, encode_throttle_device)
      .take();
}

Object encode_hugepage_limit(const HugepageLimit& h) {
  return {{"pageSize", h.page_size}, {"limit", h.limit}};
}

Object encode_network(const Resources& r) {
  return Members()
      .maybe("classID", r.network_class_id)
      .list("priorities", r.network_priorities,
            [](const InterfacePriority& p) {
              return Object{{"name", p.name}, {"priority", p.priority}};
            })
      .take();
}

Object encode_rdma(const std::map<std::string, RdmaLimit>& limits) {
  Object out;
  for (const auto& [device, limit] : limits)
    out.add(device,
            Members().maybe("hcaHandles", limit.hca_handles).maybe("hcaObjects", limit.hca_objects).take());
  return out;
}

}  // namespace

Resources decode_resources(const Reader& at) {
  Resources resources;
  resources.devices = list<DeviceRule>(at, "devices", decode_device_rule);
  object_member(at, "memory", [&](const Reader& memory) { resources.memory = decode_memory(memory); });
  object_member(at, "cpu", [&](const Reader& cpu) { resources.cpu = decode_cpu(cpu); });
  object_member(at, "pids",
                [&](const Reader& p) { resources.pids_limit = p.get_optional<int64_t>("limit"); });
  object_member(at, "blockIO", [&](const Reader& io) { resources.block_io = decode_block_io(io); });
  resources.hugepage_limits = list<HugepageLimit>(at, "hugepageLimits", decode_hugepage_limit);
  object_member(at, "network", [&](const Reader& network) {
    resources.network_class_id = network.get_optional<uint32_t>("classID");
    resources.network_priorities = list<InterfacePriority>(network, "priorities", decode_priority);
  });
  object_member(at, "rdma", [&](const Reader& rdma) { resources.rdma = decode_rdma(rdma); });
  resources.unified = at.get<std::map<std::string, std::string>>("unified", {});
  return resources;
}

Object encode_resources(const Resources& r) {
  Members out;
  out.list("devices", r.devices, encode_device_rule)
      .object("memory", encode_memory(r.memory))
      .object("cpu", encode_cpu(r.cpu));
  if (r.pids_limit) out.always("pids", Object{{"limit", *r.pids_limit}});
  return out.object("blockIO", encode_block_io(r.block_io))
      .list("hugepageLimits", r.hugepage_limits, encode_hugepage_limit)
      .object("network", encode_network(r))
      .object("rdma", encode_rdma(r.rdma))
      .map("unified", r.unified)
      .take();
}

}  // namespace crunlite::oci
