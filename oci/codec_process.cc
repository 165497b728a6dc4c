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
  process.unsupported = not_supported(at, {"scheduler", "ioPriority"});
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
  return out.list("rlimits", p.rlimits, encode_rlimit)
      .flag("noNewPrivileges", p.no_new_privileges)
      .maybe("oomScoreAdj", p.oom_score_adj)
      .text("apparmorProfile", p.apparmor_profile)
      .text("selinuxLabel", p.selinux_label)
      .take();
}

}  // namespace crunlite::oci
