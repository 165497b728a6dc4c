// SPDX-License-Identifier: Apache-2.0
// Where everything begins: protect our own binary, find the verb, call it, and turn the error that comes back
// into a message and an exit code. The only place that catches.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/sys.h"
#include "cmd/command_line.h"
#include "cmd/configuration.h"
#include "cmd/dispatch.h"
#include "cmd/other_programs.h"
#include "cmd/output.h"
#include "cmd/self_seal.h"
#include "cmd/surroundings.h"
#include "cmd/verbs.h"
#include "cmd/version.h"

namespace crunlite::cmd {
namespace {

struct Verb {
  std::string_view name;
  int (*run)(const Globals&, const Args&);
  std::string_view help;
};

// The order is that of a container's life; it is also the order of the help text.
constexpr Verb kVerbs[] = {
    {"create", oci_create, "make a container from a bundle"},
    {"start", oci_start, "run the program of a created container"},
    {"run", oci_run, "with --bundle: create, start, wait and delete in one"},
    {"state", oci_state, "what a container is doing, as JSON"},
    {"list", oci_list, "all containers"},
    {"exec", oci_exec, "run a further program in a container"},
    {"ps", oci_ps, "the processes of a container"},
    {"kill", oci_kill, "send a signal to a container"},
    {"pause", oci_pause, "stop all processes of a container where they are"},
    {"resume", oci_resume, "let them go on"},
    {"update", oci_update, "change the limits of a container"},
    {"events", oci_events, "what a container uses, at an interval, as JSON"},
    {"mounts", oci_mounts, "add mounts to a running container, or remove them"},
    {"checkpoint", oci_checkpoint, "write the processes of a container to a directory"},
    {"restore", oci_restore, "make a container again from a checkpoint"},
    {"delete", oci_delete, "delete a container"},
    {"spec", spec, "write a config.json to start from"},
    {"features", features, "what this build can do, as JSON"},
    {"install", install, "print or write what podman, docker and other callers need"},
};

// Verbs of crun-lite-image, the other program: it holds the parsers of archives, which have no business in
// the process that holds a container.
constexpr std::string_view kImageVerbs[] = {"load"};

// What people and callers know from docker, runc and crun and will type. Without this table "pull" would be
// answered with "did you mean kill?".
struct Missing {
  std::string_view name;
  std::string_view instead;
};
constexpr std::string_view kForeground =
    "containers run in the foreground: Ctrl-C ends them, and nothing stays";
constexpr Missing kMissing[] = {
    {"attach", kForeground},
    {"build", "build with `buildah bud`, see docs/getting-started.md"},
    {"commit", ""},
    {"cp", "use `run -v`"},
    {"image", ""},
    {"images", ""},
    {"inspect", "`crun-lite state ID` says what a container is doing"},
    {"login", ""},
    {"logs", kForeground},
    {"network", ""},
    {"port", ""},
    {"pull", "`crun-lite load -i FILE` brings an image in"},
    {"push", ""},
    {"restart", kForeground},
    {"rm", kForeground},
    {"rmi", ""},
    {"save", ""},
    {"stats", ""},
    {"stop", kForeground},
    {"tag", ""},
    {"unpause", ""},
    {"volume", ""},
    {"wait", kForeground},
};

const Verb* find_verb(std::string_view name) {
  const auto found = std::ranges::find(kVerbs, name, &Verb::name);
  return found == std::end(kVerbs) ? nullptr : found;
}

// Verbs that enter a container run from a copy that the container cannot write (cmd/self_seal.h).
bool enters_container(std::string_view verb) {
  return verb == "create" || verb == "run" || verb == "exec" || verb == "mounts";
}

// Of an error of our own. That of `exec` must not look like the command's.
int failure_code(std::string_view verb) {
  return verb == "exec" ? 255 : 1;
}

// Verbs that take milliseconds finish what they began: Ctrl-C goes to the whole foreground group, also to the
// `state` and `delete` of a caller that is just about to clean up (buildah gives up, and leaves a running
// container, when its `state` dies of it). SIGTERM still ends them: that is sent to one process.
constexpr std::string_view kBriefVerbs[] = {"create", "start",  "state",  "list",   "ps",        "kill",
                                            "pause",  "resume", "update", "delete", "checkpoint"};

void hold_back_terminal_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP}) sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) == -1) throw SysError(errno, "block signals");
}

// Comes back when we run from such a copy.
void run_from_unwritable_copy(char** argv) {
  const std::optional<UniqueFd> copy = unwritable_self();
  if (!copy) return;
  std::vector<char*> environment;
  std::string mark = cat(kSealedVariable, "=");
  for (char** variable = environ; *variable; ++variable) {
    if (std::string_view(*variable).starts_with(mark))
      throw Error(ErrorKind::kUnsupported, "cannot run from an unwritable copy of crun-lite");
    environment.push_back(*variable);
  }
  mark += own_path();
  environment.push_back(mark.data());
  environment.push_back(nullptr);
  check(sys::exec_fd(copy->get(), argv, environment.data()), "start an unwritable copy of crun-lite");
}

// After execveat the process is called by the number of the descriptor.
void restore_name() {
  (void)::prctl(PR_SET_NAME, "crun-lite", 0UL, 0UL, 0UL);
}

// In the other program from now on.
[[noreturn]] void become_image_program(const CommandLine& line) {
  const std::string program = find_own_program("crun-lite-image");
  Args args = {"crun-lite", "--store", configuration().storage_root, line.verb};
  args.insert(args.end(), line.args.begin(), line.args.end());
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  (void)::execve(program.c_str(), argv.data(), environ);
  throw SysError(errno, "start ", program);
}

int print_version() {
  print(cat("crun-lite version ", kVersion, "\ncommit: ", commit(), "\nspec: 1.3.0\n"));
  return 0;
}

std::string help_line(std::string_view name, std::string_view help) {
  return cat("  ", name, std::string(14 - name.size(), ' '), help, "\n");
}

int print_help() {
  std::string text =
      cat("crun-lite runs containers: from images, and from OCI bundles.\n\n"
          "Usage: crun-lite [OPTIONS] COMMAND [ARGUMENTS]\n"
          "       crun-lite COMMAND --help\n\nImages:\n",
          help_line("run IMAGE", "run a container until it ends; its flags are docker's"),
          help_line("load", "bring in an image: an archive of docker save, an OCI archive or layout"),
          "\nOCI bundles, as buildah and other callers use them:\n");
  for (const Verb& verb : kVerbs) text += help_line(verb.name, verb.help);
  print(text + "\n" + global_help());
  return 0;
}

[[noreturn]] void refuse_verb(const std::string& name) {
  const auto missing = std::ranges::find(kMissing, name, &Missing::name);
  if (missing != std::end(kMissing)) {
    throw Error(ErrorKind::kUnsupported, "crun-lite: ", quote(name), " is not in this version")
        .with_remedy(std::string(missing->instead));
  }
  std::vector<std::string> known;
  for (const Verb& verb : kVerbs) known.emplace_back(verb.name);
  for (const std::string_view verb : kImageVerbs) known.emplace_back(verb);
  const std::vector<std::string> close = nearest(name, known, 3);
  throw Error(ErrorKind::kUsage, "crun-lite: unknown command ", quote(name))
      .with_remedy(close.empty() ? "see `crun-lite --help`" : cat("did you mean ", join(close, " or "), "?"));
}

bool is_image_verb(std::string_view name) {
  return std::ranges::find(kImageVerbs, name) != std::end(kImageVerbs);
}

// What docker's meaning of a verb that has two would need, and what does nearly the same.
constexpr Missing kMissingForImages[] = {
    {"create", "`crun-lite run IMAGE` runs an image; for a bundle say `crun-lite create --bundle DIR ID`"},
    {"ps", "see `crun-lite list`; `crun-lite ps ID` shows the processes of one container"},
    {"events", "`crun-lite events ID` follows one container"},
};

[[noreturn]] void refuse_for_images(const std::string& verb) {
  const auto row = std::ranges::find(kMissingForImages, verb, &Missing::name);
  throw Error(ErrorKind::kUnsupported, "crun-lite ", verb, ": docker's ", quote(verb),
              ", for containers made from images, is not in this version")
      .with_remedy(row != std::end(kMissingForImages)
                       ? std::string(row->instead)
                       : cat("`crun-lite oci ", verb, " ID` does it to the container with the full ID"));
}

int run_verb(const CommandLine& line, char** argv) {
  if (line.version || line.verb == "version") return print_version();
  if (line.help || line.verb == "help") return print_help();
  if (line.verb.empty()) return print_help(), 1;
  if (is_image_verb(line.verb)) become_image_program(line);
  const Verb* verb = find_verb(line.verb);
  if (!verb) refuse_verb(line.verb);
  if (has_two_meanings(line.verb) &&
      door_of(line, called_as(argv[0]), surroundings_of(line.globals)) == Door::kImage) {
    if (line.verb == "run") return run_image(line.args);
    refuse_for_images(line.verb);
  }
  return verb->run(line.globals, line.args);
}

// How many of 3, 4, … our caller had opened, to be asked before we open anything. Also opens what is missing
// of 0, 1 and 2: the next file that we open must not become somebody's standard output.
unsigned count_inherited_fds() {
  for (;;) {
    UniqueFd lowest = check(sys::open_at(AT_FDCWD, "/dev/null", O_RDWR), "open /dev/null");
    if (lowest.get() > STDERR_FILENO) return static_cast<unsigned>(lowest.get() - 3);
    (void)lowest.release();
  }
}

// What callers grep for: "crun-lite create failed: …".
void report(const Error& error, std::string_view verb) {
  const bool named = enters_container(verb) || verb == "checkpoint" || verb == "restore";
  const std::string known = verb == "spec" ? error.remedy() : remedy_of(error);
  const std::string remedy = known.empty() ? "" : cat(" (", known, ")");
  const bool says_so = std::string_view(error.what()).starts_with(cat("crun-lite ", verb, ":"));
  log_error(named && !says_so ? cat("crun-lite ", verb, " failed: ") : "", error, remedy);
}

// `crun-lite help run` is `crun-lite run --help`.
void take_off_help(CommandLine& line) {
  if (line.verb != "help" || line.args.empty()) return;
  line.verb = line.args.front();
  line.args = {"--help"};
}

// `crun-lite oci run …`, for scripts that want to be sure which `run` they get.
void take_off_oci(CommandLine& line) {
  if (line.verb != "oci" || line.args.empty()) return;
  line.said_oci = true;
  line.verb = line.args.front();
  line.args.erase(line.args.begin());
}

int run_program(char** argv, const Args& args) {
  CommandLine line;
  try {
    const unsigned inherited_fds = count_inherited_fds();
    line = read_command_line(args);
    line.globals.inherited_fds = inherited_fds;
    take_off_help(line);
    take_off_oci(line);
    log::configure(line.globals.log);
    if (std::ranges::find(kBriefVerbs, line.verb) != std::end(kBriefVerbs)) hold_back_terminal_signals();
    if (enters_container(line.verb)) {
      run_from_unwritable_copy(argv);
      restore_name();
    }
    return run_verb(line, argv);
  } catch (const Error& error) {
    report(error, line.verb);
  } catch (const std::exception& error) {
    log::error(cat("internal error: ", error.what()));
  }
  return failure_code(line.verb);
}

}  // namespace
}  // namespace crunlite::cmd

int main(int argc, char** argv) {
  return crunlite::cmd::run_program(argv, crunlite::cmd::Args(argv + std::min(argc, 1), argv + argc));
}
