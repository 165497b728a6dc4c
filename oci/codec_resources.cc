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
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    at.at("access").problem(cat("expected letters of rwm, found ", quote(rule.access)));
  return rule;
}

MemoryResources decode_memory(const Reader& at) {
  return MemoryResources{
      .limit = at.get_optional<int64_t>("limit"),
      .reservation = at.get_optional<int64_t>("reservation"),
      .swap = at.get_optional<int64_t>("swap"),
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

}  // namespace

Resources decode_resources(const Reader& at) {
  Resources resources;
  resources.devices = list<DeviceRule>(at, "devices", decode_device_rule);
  object_member(at, "memory", [&](const Reader& memory) { resources.memory = decode_memory(memory); });
  object_member(at, "cpu", [&](const Reader& cpu) { resources.cpu = decode_cpu(cpu); });
  object_member(at, "pids",
                [&](const Reader& p) { resources.pids_limit = p.get_optional<int64_t>("limit"); });
  resources.unified = at.get<std::map<std::string, std::string>>("unified", {});
  resources.unsupported = not_supported(at, {"blockIO", "hugepageLimits", "network", "rdma"});
  return resources;
}

Object encode_resources(const Resources& r) {
  Members out;
  out.list("devices", r.devices, encode_device_rule)
      .object("memory", encode_memory(r.memory))
      .object("cpu", encode_cpu(r.cpu));
  if (r.pids_limit) out.always("pids", Object{{"limit", *r.pids_limit}});
  return out.map("unified", r.unified).take();
}

}  // namespace crunlite::oci
