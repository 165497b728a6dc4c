// SPDX-License-Identifier: Apache-2.0
// config.json, linux.seccomp (config-linux.md, Seccomp). Reading, then writing.
#include "oci/codec_support.h"

namespace crunlite::oci {
namespace {

SeccompArg decode_seccomp_arg(const Reader& at) {
  return SeccompArg{
      .index = at.require<uint32_t>("index"),
      .value = at.require<uint64_t>("value"),
      .value_two = at.get<uint64_t>("valueTwo", 0),
      .op = require_named(at, "op", "seccomp operator", kSeccompOperators),
  };
}

SeccompRule decode_seccomp_rule(const Reader& at) {
  return SeccompRule{
      .names = at.require<std::vector<std::string>>("names"),
      .action = require_named(at, "action", "seccomp action", kSeccompActions),
      .errno_ret = at.get_optional<uint32_t>("errnoRet"),
      .args = list<SeccompArg>(at, "args", decode_seccomp_arg),
  };
}

}  // namespace

Seccomp decode_seccomp(const Reader& at) {
  return Seccomp{
      .default_action = require_named(at, "defaultAction", "seccomp action", kSeccompActions),
      .default_errno_ret = at.get_optional<uint32_t>("defaultErrnoRet"),
      .architectures = at.get<std::vector<std::string>>("architectures", {}),
      .flags = at.get<std::vector<std::string>>("flags", {}),
      .flags_absent = !at.has("flags"),
      .listener_path = at.get<std::string>("listenerPath", ""),
      .listener_metadata = at.get<std::string>("listenerMetadata", ""),
      .rules = list<SeccompRule>(at, "syscalls", decode_seccomp_rule),
  };
}

Object encode_seccomp_arg(const SeccompArg& a) {
  Members out;
  out.always("index", a.index).always("value", a.value);
  if (a.value_two) out.always("valueTwo", a.value_two);
  return out.always("op", name_of(kSeccompOperators, a.op)).take();
}

Object encode_seccomp_rule(const SeccompRule& r) {
  return Members()
      .always("names", Array(r.names.begin(), r.names.end()))
      .always("action", name_of(kSeccompActions, r.action))
      .maybe("errnoRet", r.errno_ret)
      .list("args", r.args, encode_seccomp_arg)
      .take();
}

Object encode_seccomp(const Seccomp& s) {
  return Members()
      .always("defaultAction", name_of(kSeccompActions, s.default_action))
      .maybe("defaultErrnoRet", s.default_errno_ret)
      .strings("architectures", s.architectures)
      .strings("flags", s.flags)
      .text("listenerPath", s.listener_path)
      .text("listenerMetadata", s.listener_metadata)
      .list("syscalls", s.rules, encode_seccomp_rule)
      .take();
}

}  // namespace crunlite::oci
