// SPDX-License-Identifier: Apache-2.0
#include "cmd/command_line.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sys.h"
#include "base/user_namespace.h"
#include "cmd/grammar.h"
#include "runtime/bundle.h"
#include "runtime/runtime.h"

namespace crunlite::cmd {
namespace {

struct GlobalFlags {
  std::string root;
  std::string log;
  std::string log_format = "text";
  std::string log_level = "error";
  std::string rootless;
  std::string cgroup_manager = "cgroupfs";
  bool systemd_cgroup = false;
  bool debug = false;
  bool help = false;
  bool version = false;
};

void describe(Grammar& grammar, GlobalFlags& flags) {
  grammar.option("--root", flags.root, "DIR", "directory of the containers' records");
  grammar.option("--log", flags.log, "FILE", "file for log messages (default: standard error)");
  grammar.choice("--log-format", flags.log_format, {"text", "json"}, "of the log file");
  grammar.choice("--log-level", flags.log_level, {"error", "warning", "debug"},
                 "what to log (default: error)");
  grammar.flag("--debug", flags.debug, "log everything");
  grammar.option("--cgroup-manager", flags.cgroup_manager, "NAME", "cgroupfs, systemd or disabled");
  grammar.flag("--systemd-cgroup", flags.systemd_cgroup, "the same as --cgroup-manager systemd");
  grammar.choice("--rootless", flags.rootless, {"true", "false", "auto"},
                 "do without the cgroups that an unprivileged caller may not make (default: auto)");
  grammar.help_flag(flags.help);  // ours, because it also lists the verbs
  grammar.flag("-v,--version", flags.version, "print the version");
}

bool in_initial_user_namespace() {
  const sys::Result<struct stat> self = sys::stat_at(AT_FDCWD, "/proc/self/ns/user", 0);
  return !self.ok() || self->st_ino == kInitialUserNamespace;
}

// Where an unprivileged user may write. podman sets XDG_RUNTIME_DIR to nothing at all, which counts as unset.
std::string default_root() {
  const char* runtime_dir = ::getenv("XDG_RUNTIME_DIR");
  const bool usable = runtime_dir && *runtime_dir == '/';
  const bool unprivileged = usable && (::geteuid() != 0 || !in_initial_user_namespace());
  return unprivileged ? cat(runtime_dir, "/crun-lite") : std::string(runtime::kDefaultRoot);
}

bool is_rootless(const std::string& flag) {
  if (flag == "true" || flag == "false") return flag == "true";
  return ::geteuid() != 0 || !in_initial_user_namespace();
}

std::string absolute(const std::string& path) {
  return path.starts_with('/') ? path : cat(runtime::absolute_directory("."), "/", path);
}

log::Config log_config(const GlobalFlags& flags) {
  log::Config config;
  config.path = flags.log.starts_with("file:") ? flags.log.substr(5) : flags.log;
  config.format = flags.log_format == "json" ? log::Format::kJson : log::Format::kText;
  config.level = flags.debug || flags.log_level == "debug" ? log::Level::kDebug
                 : flags.log_level == "warning"            ? log::Level::kWarning
                                                           : log::Level::kError;
  return config;
}

Globals interpret(const Grammar& grammar, const GlobalFlags& flags) {
  Globals globals;
  globals.root_given = !flags.root.empty();
  globals.root = globals.root_given ? absolute(flags.root) : default_root();
  if (globals.root == "/") throw Error(ErrorKind::kUsage, "--root must not be /");
  globals.log = log_config(flags);
  globals.cgroup_manager = flags.systemd_cgroup ? runtime::CgroupManager::kSystemd
                                                : runtime::parse_cgroup_manager(flags.cgroup_manager);
  globals.rootless = is_rootless(flags.rootless);
  for (const char* name :
       {"--root", "--log", "--log-format", "--systemd-cgroup", "--rootless", "--cgroup-manager"})
    if (grammar.given(name)) globals.oci_flag_given = true;
  return globals;
}

}  // namespace

CommandLine read_command_line(const Args& args) {
  GlobalFlags flags;
  Grammar grammar("crun-lite", "");
  describe(grammar, flags);
  Args rest = grammar.read_front(args);
  CommandLine line{.globals = interpret(grammar, flags), .help = flags.help, .version = flags.version};
  if (rest.empty()) return line;
  if (rest.front().starts_with('-')) {
    throw Error(ErrorKind::kUsage, "crun-lite: unknown flag: ", printable(rest.front()))
        .with_remedy("see `crun-lite --help`");
  }
  line.verb = rest.front();
  line.args.assign(rest.begin() + 1, rest.end());
  return line;
}

std::string global_help() {
  GlobalFlags flags;
  Grammar grammar("", "");
  describe(grammar, flags);
  const std::string text = grammar.help();
  const size_t options = text.find("Options:");
  return options == std::string::npos ? text : text.substr(options);
}

}  // namespace crunlite::cmd
