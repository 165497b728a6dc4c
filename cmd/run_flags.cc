// SPDX-License-Identifier: Apache-2.0
#include "cmd/run_flags.h"

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "cmd/grammar.h"
#include "engine/environment.h"
#include "engine/values.h"
#include "runtime/sysctl.h"

namespace crunlite::cmd {
namespace {

using engine::RunOptions;
using Texts = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kMostEnvFile = 4u << 20;
constexpr size_t kMostShown = 200;

// Flags as they were written, where the value needs more than copying.
struct RunFlags {
  Texts env, env_files, labels, annotations, volumes, tmpfs, ulimits, sysctls, security;
  std::string network, pids, cpus, memory, memory_swap, memory_reservation, shm_size, pull = "missing";
  std::string entrypoint;
  bool detach = false;
  bool remove = false;
};

const char* variable_of_caller(const std::string& name) {
  return ::getenv(name.c_str());
}

// One value per flag; the flag may be repeated.
CLI::Option* add_list(CLI::App& app, const std::string& names, Texts& to, const std::string& help) {
  return app.add_option(names, to, help)->allow_extra_args(false);
}

void add_process_flags(CLI::App& app, RunOptions& options, RunFlags& flags) {
  app.add_flag("-i,--interactive", options.interactive, "keep standard input open");
  app.add_flag("-t,--tty", options.tty, "give the container a terminal");
  app.add_flag("--init", options.init, "run a reaper as PID 1 that forwards signals");
  app.add_flag("--rm", flags.remove, "remove the container when it ends (always done in this version)");
  app.add_flag("-d,--detach", flags.detach, "not in this version");
  app.add_option("--name", options.name, "name of the container");
  app.add_option("--entrypoint", flags.entrypoint, "instead of the image's; \"\" for none");
  app.add_option("-w,--workdir", options.working_dir, "working directory");
  app.add_option("-u,--user", options.user, "name|uid[:group|gid]");
  add_list(app, "--group-add", options.extra_groups, "further group of the process");
  add_list(app, "-e,--env", flags.env, "K=V, or K for the caller's value");
  add_list(app, "--env-file", flags.env_files, "file with one K=V or K per line");
  add_list(app, "-l,--label", flags.labels, "K=V");
  add_list(app, "--annotation", flags.annotations, "K=V for the runtime");
  app.add_option("--cidfile", options.cidfile, "write the container's ID to this new file");
  app.add_option("--pull", flags.pull, "missing or never: this version loads images from files");
  app.add_option("--oom-score-adj", options.oom_score_adj, "-1000 to 1000")
      ->check(CLI::Range(-1000, 1000).description(""));
}

void add_network_flags(CLI::App& app, RunOptions& options, RunFlags& flags) {
  add_list(app, "-p,--publish", options.publish, "[ip:][hostPort]:containerPort[/tcp|udp]");
  app.add_option("--network,--net", flags.network, "bridge, host or none");
  app.add_option("-h,--hostname", options.hostname, "host name");
  add_list(app, "--dns", options.dns, "name server");
  add_list(app, "--add-host", options.add_hosts, "HOST:IP for /etc/hosts");
}

void add_storage_flags(CLI::App& app, RunOptions& options, RunFlags& flags) {
  add_list(app, "-v,--volume", flags.volumes, "SOURCE:DESTINATION[:ro]");
  add_list(app, "--tmpfs", flags.tmpfs, "DESTINATION[:OPTIONS]");
  add_list(app, "--device", options.devices, "HOST[:CONTAINER[:rwm]]");
  app.add_option("--shm-size", flags.shm_size, "size of /dev/shm");
  app.add_flag("--read-only", options.read_only, "root file system that cannot be written to");
}

void add_limit_flags(CLI::App& app, RunOptions& options, RunFlags& flags) {
  app.add_option("-m,--memory", flags.memory, "bytes, or with k, m, g");
  app.add_option("--memory-swap", flags.memory_swap, "memory and swap together, -1 for any");
  app.add_option("--memory-reservation", flags.memory_reservation, "soft limit");
  app.add_option("--cpus", flags.cpus, "number of CPUs, for example 1.5");
  app.add_option("-c,--cpu-shares", options.limits.cpu_shares, "relative weight");
  app.add_option("--cpuset-cpus", options.limits.cpuset_cpus, "for example 0-2,4");
  app.add_option("--cpuset-mems", options.limits.cpuset_mems, "memory nodes");
  app.add_option("--pids-limit", flags.pids, "processes, -1 for any number");
  add_list(app, "--ulimit", flags.ulimits, "NAME=SOFT[:HARD]");
  app.add_option("--cgroup-parent", options.cgroup_parent, "cgroup below which the container's is made");
}

void add_security_flags(CLI::App& app, RunOptions& options, RunFlags& flags) {
  add_list(app, "--cap-add", options.security.cap_add, "capability, or ALL");
  add_list(app, "--cap-drop", options.security.cap_drop, "capability, or ALL");
  add_list(app, "--security-opt", flags.security,
           "seccomp=FILE|unconfined|builtin, no-new-privileges[=BOOL], apparmor=PROFILE, label=disable, "
           "systempaths=unconfined");
  app.add_flag("--privileged", options.security.privileged, "all capabilities and devices, nothing hidden");
  add_list(app, "--sysctl", flags.sysctls, "NAME=VALUE");
}

// config.json is JSON and cannot say anything else; changing a byte of a path or a value silently is no
// option.
void check_utf8(const std::string& text) {
  if (valid_utf8(text) == text) return;
  throw Error(ErrorKind::kUsage, "not UTF-8: ", quote(text.substr(0, kMostShown)));
}

// docker's frame around what is wrong with a value.
template <class Parse>
auto flag_value(const char* flag, const std::string& text, Parse parse) {
  try {
    return parse(text);
  } catch (Error& error) {
    error.prepend(cat("invalid argument ", quote(text), " for \"", flag, "\" flag"));
    throw;
  }
}

void set_size(const char* flag, const std::string& text, std::optional<int64_t>& to) {
  if (!text.empty()) to = flag_value(flag, text, engine::parse_size);
}

int64_t whole_number(const std::string& text) {
  const auto value = parse_number<int64_t>(text);
  if (!value) throw Error(ErrorKind::kUsage, "expected a whole number");
  return *value;
}

void apply_limits(const RunFlags& flags, RunOptions& options) {
  engine::LimitOptions& limits = options.limits;
  set_size("-m, --memory", flags.memory, limits.memory);
  set_size("--memory-reservation", flags.memory_reservation, limits.memory_reservation);
  set_size("--shm-size", flags.shm_size, options.shm_size);
  if (flags.memory_swap == "-1") {
    limits.memory_swap = -1;
  } else {
    set_size("--memory-swap", flags.memory_swap, limits.memory_swap);
  }
  if (!flags.cpus.empty()) limits.nano_cpus = flag_value("--cpus", flags.cpus, engine::parse_cpus);
  if (!flags.pids.empty()) limits.pids = flag_value("--pids-limit", flags.pids, whole_number);
  for (const std::string& text : flags.ulimits) {
    options.ulimits.push_back(flag_value("--ulimit", text, engine::parse_ulimit));
  }
}

std::pair<std::string, std::string> key_and_value(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == 0 || text.empty()) throw Error(ErrorKind::kUsage, "expected KEY=VALUE");
  return {text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
}

void append_pairs(const char* flag, const Texts& texts, Pairs& to) {
  for (const std::string& text : texts) to.push_back(flag_value(flag, text, key_and_value));
}

void check_sysctl(const std::string& key, const std::string& value) {
  std::string problem;
  (void)runtime::parse_sysctl(key, value, problem);
  if (!problem.empty()) throw Error(ErrorKind::kUsage, "--sysctl: ", problem);
}

// The shape alone (cpuset(7), "List format"): which CPUs there are is for the kernel to say.
void check_cpu_list(const char* flag, const std::string& text) {
  if (text.find_first_not_of("0123456789,-") == std::string::npos) return;
  throw Error(ErrorKind::kUsage, "invalid argument ", quote(text), " for \"", flag,
              "\" flag: expected a list like 0-2,4");
}

void apply_env(const RunFlags& flags, RunOptions& options) {
  for (const std::string& path : flags.env_files) {
    const std::string content = read_file(AT_FDCWD, path, kMostEnvFile);
    for (engine::EnvEntry& entry : engine::parse_env_file(content, path, variable_of_caller)) {
      options.env.push_back(std::move(entry));
    }
  }
  for (const std::string& text : flags.env) {
    if (auto entry = engine::parse_env(text, variable_of_caller)) options.env.push_back(std::move(*entry));
  }
  for (const engine::EnvEntry& entry : options.env) check_utf8(cat(entry.first, '=', entry.second));
}

std::string working_directory_of_caller() {
  char buffer[PATH_MAX];
  if (!::getcwd(buffer, sizeof buffer)) throw SysError(errno, "find the current directory");
  return buffer;
}

void apply_mounts(const RunFlags& flags, RunOptions& options) {
  for (const std::string& text : flags.volumes) {
    options.volumes.push_back(engine::parse_volume(text, working_directory_of_caller()));
  }
  for (const std::string& text : flags.tmpfs) options.tmpfs.push_back(engine::parse_tmpfs(text));
}

bool boolean(const std::string& text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  throw Error(ErrorKind::kUsage, "expected true or false");
}

// docker takes "key=value" and, from its early days, "key:value".
void apply_security_option(const std::string& text, engine::SecurityOptions& security) {
  const size_t separator = text.find_first_of("=:");
  const std::string key = text.substr(0, separator);
  const std::string value = separator == std::string::npos ? "" : text.substr(separator + 1);
  if (key == "no-new-privileges") {
    security.no_new_privileges = value.empty() || flag_value("--security-opt", value, boolean);
  } else if (key == "seccomp" && !value.empty()) {
    security.seccomp = value;
  } else if (key == "apparmor" && !value.empty()) {
    security.apparmor = value;
  } else if (key == "systempaths" && value == "unconfined") {
    security.system_paths_confined = false;
  } else if (key == "label" && value != "disable") {
    throw Error(ErrorKind::kUnsupported, "--security-opt ", printable(text),
                ": this version does not make SELinux labels; label=disable is accepted");
  } else if (key != "label") {
    throw Error(ErrorKind::kUsage, "invalid --security-opt: ", quote(text));
  }
}

void apply_network(const RunFlags& flags, RunOptions& options) {
  if (flags.network.empty()) return;
  if (flags.network == "bridge" || flags.network == "default") {
    options.network = engine::NetworkMode::kBridge;
  } else if (flags.network == "host") {
    options.network = engine::NetworkMode::kHost;
  } else if (flags.network == "none") {
    options.network = engine::NetworkMode::kNone;
  } else {
    throw Error(ErrorKind::kUnsupported, "network ", quote(flags.network),
                ": this version knows bridge, host and none");
  }
}

void check_what_is_missing(const RunFlags& flags, const RunOptions& options) {
  if (flags.detach) {
    throw Error(ErrorKind::kUnsupported, "detached containers (-d) are not in this version")
        .with_remedy("Leave -d away and let the shell put it into the background: crun-lite run … &");
  }
  if (flags.pull != "missing" && flags.pull != "never") {
    throw Error(ErrorKind::kUnsupported, "--pull ", printable(flags.pull),
                ": this version does not pull images")
        .with_remedy("`crun-lite load -i FILE` brings an image in.");
  }
  if (!options.name.empty() && !engine::is_name(options.name)) {
    throw Error(ErrorKind::kUsage, "Invalid container name (", printable(options.name),
                "), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
  }
}

// docker's flags that are not here; the others are typing mistakes.
constexpr std::string_view kMissing[] = {"-a",
                                         "-P",
                                         "--attach",
                                         "--blkio-weight",
                                         "--cgroupns",
                                         "--cpu-period",
                                         "--cpu-quota",
                                         "--detach-keys",
                                         "--dns-option",
                                         "--dns-search",
                                         "--domainname",
                                         "--expose",
                                         "--gpus",
                                         "--health-cmd",
                                         "--ip",
                                         "--ip6",
                                         "--ipc",
                                         "--isolation",
                                         "--label-file",
                                         "--link",
                                         "--log-driver",
                                         "--log-opt",
                                         "--mac-address",
                                         "--memory-swappiness",
                                         "--mount",
                                         "--network-alias",
                                         "--no-healthcheck",
                                         "--oom-kill-disable",
                                         "--pid",
                                         "--platform",
                                         "--publish-all",
                                         "-q",
                                         "--quiet",
                                         "--restart",
                                         "--runtime",
                                         "--sig-proxy",
                                         "--stop-signal",
                                         "--stop-timeout",
                                         "--storage-opt",
                                         "--userns",
                                         "--uts",
                                         "--volume-driver",
                                         "--volumes-from"};

[[noreturn]] void refuse_flag(const CLI::App& app, const std::string& argument) {
  const std::string flag = argument.substr(0, argument.find('='));
  if (std::ranges::find(kMissing, flag) != std::end(kMissing)) {
    throw Error(ErrorKind::kUsage, "flag ", flag, " of docker is not in this version");
  }
  Error error(ErrorKind::kUsage, "unknown flag: ", printable(argument));
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  const Texts near = flag.size() > 3 ? nearest(flag, known, 1) : Texts();
  if (!near.empty()) error.with_remedy(cat("Did you mean ", near.front(), "?"));
  throw error;
}

// The first argument that is no flag is the image; all that follows is the command, whatever it looks like.
void take_image_and_command(const CLI::App& app, Args rest, RunOptions& options) {
  if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
  if (rest.empty()) {
    throw Error(ErrorKind::kUsage, "\"crun-lite run\" requires at least 1 argument: the image");
  }
  if (rest.front().starts_with('-')) refuse_flag(app, rest.front());
  options.image = rest.front();
  options.command.assign(rest.begin() + 1, rest.end());
}

// CLI11 knows nothing of what prefix_command() leaves to us: the image and its command.
class RunUsage : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "Usage: crun-lite run [FLAGS] IMAGE [COMMAND [ARG...]]\n";
  }
};

// Lists of config.yaml stay, those of the command line come behind them. CLI11 would replace them.
class Lists {
 public:
  explicit Lists(RunOptions& options) : options_(options), before_(options) {
    for (Texts* list : lists(options_)) list->clear();
  }
  void put_back() {
    const std::vector<Texts*> before = lists(before_);
    const std::vector<Texts*> now = lists(options_);
    for (size_t i = 0; i < now.size(); ++i)
      now[i]->insert(now[i]->begin(), before[i]->begin(), before[i]->end());
  }

 private:
  static std::vector<Texts*> lists(RunOptions& options) {
    return {&options.security.cap_add, &options.security.cap_drop};
  }
  RunOptions& options_;
  RunOptions before_;
};

}  // namespace

std::optional<RunOptions> parse_run(const Args& args, const RunOptions& defaults) {
  RunOptions options = defaults;
  RunFlags flags;
  Lists lists(options);
  for (const std::string& argument : args) check_utf8(argument);
  CLI::App app("Runs a container from an image until it ends.");
  app.formatter(std::make_shared<RunUsage>());
  app.prefix_command();
  app.set_help_flag("--help", "this text");
  add_process_flags(app, options, flags);
  add_network_flags(app, options, flags);
  add_storage_flags(app, options, flags);
  add_limit_flags(app, options, flags);
  add_security_flags(app, options, flags);
  if (!read_flags(app, args)) return std::nullopt;
  lists.put_back();
  if (app.count("--entrypoint") > 0) options.entrypoint = flags.entrypoint;

  take_image_and_command(app, app.remaining(), options);
  apply_network(flags, options);
  apply_limits(flags, options);
  apply_env(flags, options);
  apply_mounts(flags, options);
  append_pairs("-l, --label", flags.labels, options.labels);
  append_pairs("--annotation", flags.annotations, options.annotations);
  append_pairs("--sysctl", flags.sysctls, options.sysctls);
  for (const auto& [key, value] : options.sysctls) check_sysctl(key, value);
  check_cpu_list("--cpuset-cpus", options.limits.cpuset_cpus);
  check_cpu_list("--cpuset-mems", options.limits.cpuset_mems);
  for (const std::string& text : flags.security) apply_security_option(text, options.security);
  check_what_is_missing(flags, options);
  return options;
}

}  // namespace crunlite::cmd
