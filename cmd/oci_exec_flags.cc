// SPDX-License-Identifier: Apache-2.0
#include "cmd/oci_exec_flags.h"

#include "base/error.h"
#include "cmd/descriptors.h"
#include "cmd/output.h"

namespace crunlite::cmd {
void describe(Grammar& grammar, ExecFlags& flags) {
  runtime::ExecOptions& options = flags.options;
  runtime::ExecChanges& changes = options.changes;
  grammar.option("-p,--process", options.process_file, "FILE",
                 "process.json to take the process from (config.md, Process)");
  grammar.flag("-d,--detach", options.detach, "do not wait for its end");
  grammar.flag("-t,--tty", changes.terminal, "give it a terminal");
  grammar.option("--console-socket", options.console_socket, "PATH",
                 "unix socket that receives the terminal of a detached process");
  grammar.option("--pidfd-socket", options.pidfd_socket, "PATH", "unix socket that receives a pidfd of it");
  grammar.option("--pid-file", options.pid_file, "FILE", "file to write the process id to");
  grammar.option("--cwd", changes.cwd, "DIR", "its working directory");
  grammar.list("-e,--env", changes.env, "NAME=VALUE", "add an environment variable");
  grammar.option("-u,--user", flags.user, "UID[:GID]", "run as this user, by number");
  grammar.list("-g,--additional-gids", flags.additional_gids, "GID", "add a group, by number");
  grammar.list("-c,--cap", changes.capabilities, "CAP", "add a capability");
  grammar.option("--process-label", changes.process_label, "LABEL", "SELinux label");
  grammar.option("--apparmor", changes.apparmor, "PROFILE", "AppArmor profile");
  grammar.flag("--no-new-privs", flags.no_new_privileges, "it cannot gain privileges by execve");
  grammar.option("--preserve-fds", options.preserve_fds, "N", "pass N more descriptors on, from 3");
  grammar.list("--cgroup", flags.cgroups, "[CONTROLLER,...:]PATH", "in a cgroup inside the container's");
  grammar.flag("--ignore-paused", options.ignore_paused, "also in a paused container, once it goes on");
  grammar.flag("--no-subreaper", flags.no_subreaper, "leave its orphans to somebody else");
  grammar.help_flag(flags.help);
}

namespace {

// What is left of the command line: the id, and the command.
void take_positionals(const Grammar& grammar, const Args& rest, runtime::ExecOptions& options) {
  options.container.id = grammar.first_positional(rest);
  size_t command = 1;
  if (rest.size() > 1 && rest[1] == "--") command = 2;
  options.changes.args.assign(rest.begin() + static_cast<ptrdiff_t>(command), rest.end());
}

}  // namespace

std::optional<runtime::ExecOptions> read_exec_flags(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite exec",
                  "Run a further program in a container: exec [OPTIONS] ID COMMAND [ARG...]");
  ExecFlags flags;
  describe(grammar, flags);
  const Args rest = grammar.read_front(args);
  if (flags.help) {
    print(grammar.help());
    return std::nullopt;
  }
  runtime::ExecOptions& options = flags.options;
  take_positionals(grammar, rest, options);
  if (grammar.given("--user")) options.changes.user = runtime::parse_exec_user(flags.user);
  for (const std::string& gid : flags.additional_gids)
    options.changes.additional_gids.push_back(
        with_context("--additional-gids", [&] { return runtime::parse_exec_id(gid); }));
  if (grammar.given("--no-new-privs")) options.changes.no_new_privileges = flags.no_new_privileges;
  options.cgroup = runtime::parse_sub_cgroups(flags.cgroups);
  options.subreaper = !flags.no_subreaper;
  options.container.root = globals.root;
  complete_descriptors(globals, options.preserve_fds, options.listen_fds);
  return std::move(options);
}

}  // namespace crunlite::cmd
