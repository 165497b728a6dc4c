// SPDX-License-Identifier: Apache-2.0
#include "runtime/record.h"

#include "base/error.h"
#include "oci/codec.h"
#include "oci/names.h"

namespace crunlite::runtime {
namespace {

// Goes up when a record can no longer be read by the code before it.
constexpr int kVersion = 1;

constexpr oci::Name<Record::Phase> kPhases[] = {
    {"creating", Record::Phase::kCreating},
    {"created", Record::Phase::kCreated},
};

json::Object encode_process_id(const ProcessId& id) {
  return {{"pid", id.pid}, {"startTime", id.start_time}, {"bootId", id.boot_id}};
}

ProcessId decode_process_id(const json::Reader& at) {
  return ProcessId{.pid = at.require<int32_t>("pid"),
                   .start_time = at.require<uint64_t>("startTime"),
                   .boot_id = at.require<std::string>("bootId")};
}

json::Object encode_strings(const std::map<std::string, std::string>& map) {
  json::Object out;
  for (const auto& [key, value] : map) out.add(key, value);
  return out;
}

}  // namespace

std::string encode_record(const Record& r) {
  json::Object out{
      {"version", kVersion},
      {"phase", oci::name_of(kPhases, r.phase)},
      {"id", r.id},
      {"ociVersion", r.oci_version},
      {"bundle", r.bundle},
      {"rootfs", r.rootfs},
      {"created", r.created},
      {"annotations", encode_strings(r.annotations)},
      {"cgroup", encode_cgroup_plan(r.cgroup)},
      {"init", encode_process_id(r.init)},
      {"noNewKeyring", r.no_new_keyring},
      {"hooks", oci::encode_hooks({.poststart = r.poststart, .poststop = r.poststop})},
  };
  if (r.root_mount != 0) out.add("rootMount", r.root_mount);
  if (!r.stdio.empty()) out.add("stdio", json::Array(r.stdio.begin(), r.stdio.end()));
  if (r.rdt.used()) out.add("rdt", encode_rdt_plan(r.rdt));
  return json::dump(out);
}

Record decode_record(std::string_view text, std::string_view name) {
  const json::Value document = json::parse(text, name);
  std::vector<std::string> problems;
  const json::Reader at(document, problems);
  const auto refuse = [&](const std::string& why) { throw Error(ErrorKind::kConfig, name, ": ", why); };
  if (const int version = at.require<int32_t>("version"); problems.empty() && version != kVersion)
    refuse(cat("written by another version of crun-lite (format ", version, ")"));
  Record r;
  const std::string phase = at.require<std::string>("phase");
  if (const auto* row = oci::find_name(kPhases, phase)) {
    r.phase = row->value;
  } else {
    problems.push_back(cat("/phase: unknown phase ", quote(phase)));
  }
  r.id = at.require<std::string>("id");
  r.oci_version = at.require<std::string>("ociVersion");
  r.bundle = at.require<std::string>("bundle");
  r.rootfs = at.require<std::string>("rootfs");
  r.created = at.require<std::string>("created");
  r.annotations = at.get<std::map<std::string, std::string>>("annotations", {});
  if (at.has("cgroup")) r.cgroup = decode_cgroup_plan(at.at("cgroup"));
  if (at.has("rdt")) r.rdt = decode_rdt_plan(at.at("rdt"));
  if (at.has("init")) r.init = decode_process_id(at.at("init"));
  r.no_new_keyring = at.get<bool>("noNewKeyring", false);
  r.root_mount = at.get<uint64_t>("rootMount", 0);
  r.stdio = at.get<std::vector<std::string>>("stdio", {});
  if (at.has("hooks")) {
    oci::Hooks hooks = oci::decode_hooks(at.at("hooks"));
    r.poststart = std::move(hooks.poststart);
    r.poststop = std::move(hooks.poststop);
  }
  if (!problems.empty()) refuse(problems[0]);
  return r;
}

}  // namespace crunlite::runtime
