// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_create_flags.h"

#include <algorithm>

#include "cmd/descriptors.h"
#include "cmd/systemd_access.h"

namespace crunlite::cmd {
namespace {

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value ? value : "";
}

void add_common_flags(Grammar& grammar, runtime::CreateOptions& options) {
  grammar.required("container-id", options.container.id, "a name for the container");
  grammar.option("-b,--bundle", options.bundle, "DIR",
                 "directory with config.json (default: the current one)");
  grammar.option("-f,--config", options.config_file, "FILE", "configuration file (default: config.json)");
  grammar.option("--console-socket", options.console_socket, "PATH",
                 "unix socket that receives the terminal");
  grammar.option("--pidfd-socket", options.pidfd_socket, "PATH", "unix socket that receives a pidfd of it");
  grammar.option("--pid-file", options.pid_file, "FILE", "file to write the process id to");
  grammar.option("--preserve-fds", options.preserve_fds, "N", "pass N more descriptors on, from 3");
  grammar.flag("--no-pivot", options.no_pivot, "no pivot_root: for a root on a ramdisk");
  grammar.flag("--no-new-keyring", options.no_new_keyring, "keep the caller's session keyring");
}

}  // namespace

Args as_go_reads_them(Args args) {
  std::ranges::replace(args, "-no-subreaper", "--no-subreaper");
  return args;
}

void describe(Grammar& grammar, CreateFlags& flags) {
  add_common_flags(grammar, flags.options);
  grammar.ignored_flag("--no-subreaper");
}

void describe(Grammar& grammar, RunFlags& flags) {
  add_common_flags(grammar, flags.options.create);
  grammar.flag("-d,--detach", flags.options.detach, "do not wait for its end");
  grammar.flag("--keep", flags.options.keep, "keep the container's record when it has ended");
  grammar.flag("--no-subreaper", flags.no_subreaper, "leave the container's orphans to somebody else");
}

void describe(Grammar& grammar, RestoreFlags& flags) {
  runtime::RestoreOptions& options = flags.options;
  add_common_flags(grammar, options.create);
  add_criu_flags(grammar, options.criu, flags.criu);
  grammar.flag("-d,--detach", options.detach, "do not wait for its end");
  grammar.flag("--tcp-close", options.tcp_close, "close TCP connections instead of taking them up again");
  grammar.flag("--no-subreaper", flags.no_subreaper, "leave the container's orphans to somebody else");
  grammar.option("--lsm-profile", options.lsm_profile, "TYPE:NAME", "another profile than at the checkpoint");
  grammar.option("--lsm-mount-context", options.lsm_mount_context, "CONTEXT",
                 "another SELinux context of mounts than at the checkpoint");
}

void complete_create_options(const Globals& globals, runtime::CreateOptions& options) {
  complete_descriptors(globals, options.preserve_fds, options.listen_fds);
  options.container.root = globals.root;
  options.notify_socket = environment("NOTIFY_SOCKET");
  options.cgroup_manager = globals.cgroup_manager;
  options.rootless = globals.rootless;
  if (options.cgroup_manager == runtime::CgroupManager::kSystemd)
    options.systemd = systemd_access(globals.rootless);
}

}  // namespace crunlite::cmd
