// SPDX-License-Identifier: Apache-2.0
// config.json, process (config.md, Process): also the document of `exec --process`. Reading, then writing.
#include "oci/codec_support.h"

namespace crunlite::oci {
namespace {

User decode_user(const Reader& at) {
  User user{.uid = at.get<uint32_t>("uid", 0),
            .gid = at.get<uint32_t>("gid", 0),
            .umask = at.get_optional<uint32_t>("umask")};
  at.each("additionalGids", [&](const Reader& gid) { user.additional_gids.push_back(gid.as<uint32_t>(0)); });
  return user;
}

Capabilities decode_capabilities(const Reader& at) {
  using Set = std::vector<std::string>;
  return Capabilities{
      .bounding = at.get<Set>("bounding", {}),
      .effective = at.get<Set>("effective", {}),
      .inheritable = at.get<Set>("inheritable", {}),
      .permitted = at.get<Set>("permitted", {}),
      .ambient = at.get<Set>("ambient", {}),
  };
}

Rlimit decode_rlimit(const Reader& at) {
  return Rlimit{.type = at.require<std::string>("type"),
                .soft = at.require<uint64_t>("soft"),
                .hard = at.require<uint64_t>("hard")};
}

Scheduler decode_scheduler(const Reader& at) {
  return Scheduler{
      .policy = require_named(at, "policy", "scheduler policy", kSchedulerPolicies),
      .nice = at.get<int32_t>("nice", 0),
      .priority = at.get<int32_t>("priority", 0),
      .flags = named_list(at, "flags", "scheduler flag", kSchedulerFlags),
      .runtime = at.get<uint64_t>("runtime", 0),
      .deadline = at.get<uint64_t>("deadline", 0),
      .period = at.get<uint64_t>("period", 0),
  };
}

IoPriority decode_io_priority(const Reader& at) {
  return IoPriority{.io_class = require_named(at, "class", "I/O priority class", kIoPriorityClasses),
                    // Required; but runc takes a class alone, and an idle process has none.
                    .priority = at.get<int32_t>("priority", 0)};
}

CpuAffinity decode_cpu_affinity(const Reader& at) {
  return CpuAffinity{.initial = at.get<std::string>("initial", ""),
                     .final = at.get<std::string>("final", "")};
}

Object encode_scheduler(const Scheduler& s) {
  Members out;
  out.always("policy", name_of(kSchedulerPolicies, s.policy))
      .number("nice", s.nice)
      .number("priority", s.priority)
      .names("flags", s.flags, kSchedulerFlags);
  return out.number("runtime", s.runtime).number("deadline", s.deadline).number("period", s.period).take();
}

Object encode_user(const User& u) {
  return Members()
      .always("uid", u.uid)
      .always("gid", u.gid)
      .maybe("umask", u.umask)
      .list("additionalGids", u.additional_gids, [](uint32_t gid) { return gid; })
      .take();
}

Object encode_capabilities(const Capabilities& c) {
  return Members()
      .strings("bounding", c.bounding)
      .strings("effective", c.effective)
      .strings("inheritable", c.inheritable)
      .strings("permitted", c.permitted)
      .strings("ambient", c.ambient)
      .take();
}

Object encode_rlimit(const Rlimit& r) {
  return {{"type", r.type}, {"hard", r.hard}, {"soft", r.soft}};
}

}  // namespace

Process decode_process(const Reader& at) {
  Process process;
  process.terminal = at.get<bool>("terminal", false);
  object_member(at, "consoleSize", [&](const Reader& size) {
    process.console_size =
        ConsoleSize{.height = size.require<uint16_t>("height"), .width = size.require<uint16_t>("width")};
  });
  object_member(at, "user", [&](const Reader& user) { process.user = decode_user(user); });
  process.args = at.require<std::vector<std::string>>("args");
  process.env = at.get<std::vector<std::string>>("env", {});
  process.cwd = at.require<std::string>("cwd");
  object_member(at, "capabilities", [&](const Reader& c) { process.capabilities = decode_capabilities(c); });
  process.rlimits = list<Rlimit>(at, "rlimits", decode_rlimit);
  process.no_new_privileges = at.get<bool>("noNewPrivileges", false);
  process.oom_score_adj = at.get_optional<int32_t>("oomScoreAdj");
  process.apparmor_profile = at.get<std::string>("apparmorProfile", "");
  process.selinux_label = at.get<std::string>("selinuxLabel", "");
  object_member(at, "scheduler", [&](const Reader& s) { process.scheduler = decode_scheduler(s); });
  object_member(at, "ioPriority", [&](const Reader& p) { process.io_priority = decode_io_priority(p); });
  object_member(at, "execCPUAffinity",
                [&](const Reader& a) { process.exec_cpu_affinity = decode_cpu_affinity(a); });
  return process;
}

Object encode_process(const Process& p) {
  Members out;
  out.flag("terminal", p.terminal);
  if (p.console_size)
    out.always("consoleSize", Object{{"height", p.console_size->height}, {"width", p.console_size->width}});
  out.always("user", encode_user(p.user))
      .always("args", Array(p.args.begin(), p.args.end()))
      .strings("env", p.env)
      .always("cwd", p.cwd);
  // Absent leaves the caller's capabilities alone, empty takes all away: the difference must survive.
  if (p.capabilities) out.always("capabilities", encode_capabilities(*p.capabilities));
  out.list("rlimits", p.rlimits, encode_rlimit)
      .flag("noNewPrivileges", p.no_new_privileges)
      .maybe("oomScoreAdj", p.oom_score_adj)
      .text("apparmorProfile", p.apparmor_profile)
      .text("selinuxLabel", p.selinux_label);
  if (p.scheduler) out.always("scheduler", encode_scheduler(*p.scheduler));
  if (p.io_priority)
    out.always("ioPriority", Object{{"class", name_of(kIoPriorityClasses, p.io_priority->io_class)},
                                    {"priority", p.io_priority->priority}});
  if (const auto& affinity = p.exec_cpu_affinity)
    out.always("execCPUAffinity",
               Members().text("initial", affinity->initial).text("final", affinity->final).take());
  return out.take();
}

}  // namespace crunlite::oci
