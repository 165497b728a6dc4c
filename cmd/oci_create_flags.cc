// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_create_flags.h"

#include <stdlib.h>

#include <algorithm>

#include "base/error.h"
#include "base/sys.h"
#include "cmd/systemd_access.h"

namespace crunlite::cmd {
namespace {

// sd_listen_fds(3): meant for us only when LISTEN_PID is our pid.
unsigned listen_fds() {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  if (!pid || !count || parse_number<pid_t>(pid) != ::getpid()) return 0;
  return parse_number<unsigned>(count).value_or(0);
}

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value ? value : "";
}

void check_descriptors(unsigned promised, unsigned inherited) {
  if (promised > inherited)
    throw Error(ErrorKind::kUsage, "unable to preserve file descriptor ", 3 + inherited, ": it is not open");
}

}  // namespace

Args as_go_reads_them(Args args) {
  std::ranges::replace(args, "-no-subreaper", "--no-subreaper");
  return args;
}

void add_create_flags(Grammar& grammar, runtime::CreateOptions& options) {
  grammar.required("container-id", options.container.id, "a name for the container");
  grammar.option("-b,--bundle", options.bundle, "DIR",
                 "directory with config.json (default: the current one)");
  grammar.option("-f,--config", options.config_file, "FILE", "configuration file (default: config.json)");
  grammar.option("--console-socket", options.console_socket, "PATH",
                 "unix socket that receives the terminal");
  grammar.option("--pid-file", options.pid_file, "FILE", "file to write the process id to");
  grammar.option("--preserve-fds", options.preserve_fds, "N", "pass N more descriptors on, from 3");
  grammar.flag("--no-pivot", options.no_pivot, "no pivot_root: for a root on a ramdisk");
  grammar.flag("--no-new-keyring", options.no_new_keyring, "keep the caller's session keyring");
}

void complete_create_options(const Globals& globals, runtime::CreateOptions& options) {
  options.listen_fds = listen_fds();
  // First those of socket activation, then --preserve-fds more, as with runc and crun.
  options.preserve_fds += options.listen_fds;
  check_descriptors(options.preserve_fds, globals.inherited_fds);
  options.container.root = globals.root;
  options.notify_socket = environment("NOTIFY_SOCKET");
  options.cgroup_manager = globals.cgroup_manager;
  options.rootless = globals.rootless;
  if (options.cgroup_manager == runtime::CgroupManager::kSystemd)
    options.systemd = systemd_access(globals.rootless);
}

}  // namespace crunlite::cmd
