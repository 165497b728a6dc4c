// SPDX-License-Identifier: Apache-2.0
#include "cmd/criu_flags.h"

#include "base/error.h"
#include "cmd/criu_program.h"

namespace crunlite::cmd {
namespace {

struct Mode {
  std::string_view name;
  runtime::CriuCgroupMode mode;
};
constexpr Mode kModes[] = {
    {"soft", runtime::CriuCgroupMode::kSoft},
    {"full", runtime::CriuCgroupMode::kFull},
    {"strict", runtime::CriuCgroupMode::kStrict},
    {"ignore", runtime::CriuCgroupMode::kIgnore},
};

// What administrators have written for another runtime under the same callers counts too, as with crun.
constexpr const char* kConfigFiles[] = {"/etc/criu/crun-lite.conf", "/etc/criu/runc.conf"};

std::string config_file() {
  for (const char* file : kConfigFiles)
    if (sys::stat_at(AT_FDCWD, file, 0).ok()) return file;
  return {};
}

}  // namespace

void add_criu_flags(Grammar& grammar, runtime::CriuSettings& settings, CriuFlags& flags) {
  std::vector<std::string> modes;
  for (const Mode& mode : kModes) modes.emplace_back(mode.name);
  grammar.option("--image-path", settings.image_path, "DIR",
                 "directory of criu's image (default: ./checkpoint)");
  grammar.option("--work-path", settings.work_path, "DIR",
                 "directory of criu's log and work files (default: the image path)");
  grammar.flag("--tcp-established", settings.tcp_established, "with open TCP connections");
  grammar.flag("--ext-unix-sk", settings.ext_unix_sk, "with unix sockets that lead out of the container");
  grammar.flag("--shell-job", settings.shell_job, "with a terminal or session that is its caller's");
  grammar.flag("--file-locks", settings.file_locks, "with locks on files");
  grammar.choice("--manage-cgroups-mode", flags.cgroup_mode, modes,
                 "what criu itself does with cgroups (default: soft)");
  grammar.list("--empty-ns", flags.empty_namespaces, "TYPE",
               "namespace whose contents are left to others: network");
  grammar.flag("--auto-dedup", settings.auto_dedup, "drop pages from parent images that are there twice");
  grammar.flag("--lazy-pages", settings.lazy_pages, "memory follows later, page by page (userfaultfd)");
}

void describe(Grammar& grammar, CheckpointFlags& flags) {
  runtime::CheckpointOptions& options = flags.options;
  grammar.required("container-id", options.container.id, "which container");
  add_criu_flags(grammar, options.criu, flags.criu);
  grammar.option("--parent-path", options.parent_path, "DIR",
                 "an earlier image to build on, relative to the image path");
  grammar.flag("--leave-running", options.leave_running, "the container goes on afterwards");
  grammar.flag("--pre-dump", options.pre_dump, "memory only; the container goes on");
  grammar.flag("--tcp-skip-in-flight", options.tcp_skip_in_flight,
               "without TCP connections that are being established");
  grammar.flag("--link-remap", options.link_remap, "give open files that were deleted a name again");
  grammar.option("--status-fd", flags.status_fd, "FD", "gets a zero byte when lazy pages can be asked for");
  grammar.option("--page-server", flags.page_server, "ADDRESS:PORT", "send the memory to criu's page server");
}

void complete_criu_settings(const CriuFlags& flags, runtime::CriuSettings& settings) {
  for (const Mode& mode : kModes)
    if (flags.cgroup_mode == mode.name) settings.cgroup_mode = mode.mode;
  // That of the network is always so: its devices are not the runtime's.
  for (const std::string& ns : flags.empty_namespaces)
    if (ns != "network")
      throw Error(ErrorKind::kUsage, "--empty-ns: namespace ", quote(ns), " is not supported");
  if (settings.image_path.empty()) throw Error(ErrorKind::kUsage, "--image-path is empty");
  settings.config_file = config_file();
  settings.program = find_criu();
}

runtime::CriuPageServer parse_page_server(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string_view address = std::string_view(text).substr(0, colon);
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  if (bracketed) address = address.substr(1, address.size() - 2);
  const std::string_view number = colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
  const uint16_t port = parse_number<uint16_t>(number).value_or(0);
  if (address.empty() || port == 0 || (!bracketed && address.find(':') != std::string_view::npos))
    throw Error(ErrorKind::kUsage, "--page-server: ", quote(text), " is not ADDRESS:PORT");
  return {.address = std::string(address), .port = port};
}

}  // namespace crunlite::cmd
