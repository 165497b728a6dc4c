// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec_process.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/capabilities.h"

namespace crunlite::runtime {
namespace {

// (uid_t)-1 means "leave as it is" to the kernel.
constexpr uint32_t kNoId = UINT32_MAX;

template <class T>
void inherit(T& own, const T& from) {
  if (own == T{}) own = from;
}

template <class T>
void inherit_optional(std::optional<T>& own, const std::optional<T>& from) {
  if (!own) own = from;
}

oci::Process completed(oci::Process process, const oci::Process& container) {
  inherit_optional(process.capabilities, container.capabilities);
  if (process.rlimits.empty()) process.rlimits = container.rlimits;
  inherit(process.apparmor_profile, container.apparmor_profile);
  inherit(process.selinux_label, container.selinux_label);
  inherit_optional(process.oom_score_adj, container.oom_score_adj);
  inherit_optional(process.user.umask, container.user.umask);
  inherit_optional(process.scheduler, container.scheduler);
  inherit_optional(process.io_priority, container.io_priority);
  inherit_optional(process.exec_cpu_affinity, container.exec_cpu_affinity);
  return process;
}

bool has(const std::vector<std::string>& set, const std::string& name) {
  return std::ranges::find(set, name) != set.end();
}

// Not inheritable: a program with capabilities in its file would regain what was dropped (CVE-2022-29162).
// Where config.json has it there already, a program that is not root keeps it, too (ambient), as with runc.
void add_capability(oci::Capabilities& sets, const std::string& name) {
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted})
    if (!has(*set, name)) set->push_back(name);
  if (has(sets.inheritable, name) && !has(sets.ambient, name)) sets.ambient.push_back(name);
}

}  // namespace

uint32_t parse_exec_id(const std::string& text) {
  const std::optional<uint32_t> id = parse_number<uint32_t>(text);
  if (!id || *id == kNoId)
    throw Error(ErrorKind::kUsage, "invalid id ", quote(text), ": must be a number from 0 to ", kNoId - 1);
  return *id;
}

ExecUser parse_exec_user(const std::string& text) {
  return with_context("--user", [&] {
    const size_t colon = text.find(':');
    ExecUser user{.uid = parse_exec_id(text.substr(0, colon)), .gid = std::nullopt};
    if (colon != std::string::npos) user.gid = parse_exec_id(text.substr(colon + 1));
    return user;
  });
}

oci::Process exec_process(const oci::Process& container, const std::optional<oci::Process>& document,
                          const ExecChanges& changes) {
  oci::Process process = document ? completed(*document, container) : container;
  if (!document) {
    process.args.clear();
    process.terminal = false;
  }
  if (!changes.args.empty()) process.args = changes.args;
  if (process.args.empty())
    throw Error(ErrorKind::kUsage, "the command to execute is missing")
        .with_remedy("write it after the container's id, or give a --process document");
  if (changes.terminal) process.terminal = true;
  if (!changes.cwd.empty()) process.cwd = changes.cwd;
  process.env.insert(process.env.end(), changes.env.begin(), changes.env.end());
  if (changes.user) {
    process.user.uid = changes.user->uid;
    process.user.gid = changes.user->gid.value_or(process.user.gid);
  }
  for (const uint32_t gid : changes.additional_gids) process.user.additional_gids.push_back(gid);
  for (const std::string& name : changes.capabilities) {
    if (!process.capabilities) process.capabilities.emplace();
    add_capability(*process.capabilities, name);
  }
  if (!changes.process_label.empty()) process.selinux_label = changes.process_label;
  if (!changes.apparmor.empty()) process.apparmor_profile = changes.apparmor;
  if (changes.no_new_privileges) process.no_new_privileges = *changes.no_new_privileges;
  return process;
}

}  // namespace crunlite::runtime
