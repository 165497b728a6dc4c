// SPDX-License-Identifier: Apache-2.0
#include "cmd/dispatch.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/error.h"
#include "cmd/signals.h"

namespace crunlite::cmd {
namespace {

enum class Owner { kOci, kDocker, kBoth };
enum class Takes { kNothing, kValue };

struct Flag {
  std::string_view name;
  Owner owner;
  Takes takes = Takes::kNothing;
};

// docker's hundred flags of run and create are not here: whatever is not OCI's is docker's.
constexpr Flag kCreateFlags[] = {
    {"--bundle", Owner::kOci, Takes::kValue},
    {"-b", Owner::kOci, Takes::kValue},
    {"--config", Owner::kOci, Takes::kValue},
    {"-f", Owner::kOci, Takes::kValue},
    {"--console-socket", Owner::kOci, Takes::kValue},
    {"--pidfd-socket", Owner::kOci, Takes::kValue},
    {"--pid-file", Owner::kOci, Takes::kValue},
    {"--no-pivot", Owner::kOci},
    {"--no-new-keyring", Owner::kOci},
    {"--preserve-fds", Owner::kOci, Takes::kValue},
    {"--keep", Owner::kOci},
    {"--no-subreaper", Owner::kOci},
    {"-no-subreaper", Owner::kOci},  // go-runc's
    {"--detach", Owner::kBoth},
    {"-d", Owner::kBoth},
};

constexpr Flag kExecFlags[] = {
    {"--process", Owner::kOci, Takes::kValue},
    {"-p", Owner::kOci, Takes::kValue},
    {"--console-socket", Owner::kOci, Takes::kValue},
    {"--pidfd-socket", Owner::kOci, Takes::kValue},
    {"--pid-file", Owner::kOci, Takes::kValue},
    {"--cwd", Owner::kOci, Takes::kValue},
    {"--additional-gids", Owner::kOci, Takes::kValue},
    {"-g", Owner::kOci, Takes::kValue},
    {"--cap", Owner::kOci, Takes::kValue},
    {"-c", Owner::kOci, Takes::kValue},
    {"--process-label", Owner::kOci, Takes::kValue},
    {"--apparmor", Owner::kOci, Takes::kValue},
    {"--no-new-privs", Owner::kOci},
    {"--preserve-fds", Owner::kOci, Takes::kValue},
    {"--cgroup", Owner::kOci, Takes::kValue},
    {"--ignore-paused", Owner::kOci},
    {"--no-subreaper", Owner::kOci},
    {"--detach", Owner::kBoth},
    {"-d", Owner::kBoth},
    {"--tty", Owner::kBoth},
    {"-t", Owner::kBoth},
    {"--env", Owner::kBoth, Takes::kValue},
    {"-e", Owner::kBoth, Takes::kValue},
    {"--user", Owner::kBoth, Takes::kValue},
    {"-u", Owner::kBoth, Takes::kValue},
    {"--interactive", Owner::kDocker},
    {"-i", Owner::kDocker},
    {"--workdir", Owner::kDocker, Takes::kValue},
    {"-w", Owner::kDocker, Takes::kValue},
    {"--env-file", Owner::kDocker, Takes::kValue},
    {"--privileged", Owner::kDocker},
    {"--detach-keys", Owner::kDocker, Takes::kValue},
};

constexpr Flag kStartFlags[] = {
    {"--attach", Owner::kDocker},
    {"-a", Owner::kDocker},
    {"--interactive", Owner::kDocker},
    {"-i", Owner::kDocker},
    {"--detach-keys", Owner::kDocker, Takes::kValue},
    {"--checkpoint", Owner::kDocker, Takes::kValue},
    {"--checkpoint-dir", Owner::kDocker, Takes::kValue},
};

constexpr Flag kKillFlags[] = {
    {"--all", Owner::kOci},
    {"-a", Owner::kOci},
    {"--signal", Owner::kDocker, Takes::kValue},
    {"-s", Owner::kDocker, Takes::kValue},
};

constexpr Flag kPsFlags[] = {
    {"--format", Owner::kBoth, Takes::kValue},
    {"-f", Owner::kBoth, Takes::kValue},  // OCI's --format, docker's --filter
    {"--all", Owner::kDocker},
    {"-a", Owner::kDocker},
    {"--filter", Owner::kDocker, Takes::kValue},
    {"--last", Owner::kDocker, Takes::kValue},
    {"-n", Owner::kDocker, Takes::kValue},
    {"--latest", Owner::kDocker},
    {"-l", Owner::kDocker},
    {"--no-trunc", Owner::kDocker},
    {"--quiet", Owner::kDocker},
    {"-q", Owner::kDocker},
    {"--size", Owner::kDocker},
    {"-s", Owner::kDocker},
};

constexpr Flag kUpdateFlags[] = {
    {"--resources", Owner::kOci, Takes::kValue},
    {"-r", Owner::kOci, Takes::kValue},
    {"--cpu-burst", Owner::kOci, Takes::kValue},
    {"--cpu-share", Owner::kOci, Takes::kValue},
    {"--cpu-idle", Owner::kOci, Takes::kValue},
    {"--kernel-memory-tcp", Owner::kOci, Takes::kValue},
    {"--l3-cache-schema", Owner::kOci, Takes::kValue},
    {"--mem-bw-schema", Owner::kOci, Takes::kValue},
    {"--blkio-weight", Owner::kBoth, Takes::kValue},
    {"--cpu-period", Owner::kBoth, Takes::kValue},
    {"--cpu-quota", Owner::kBoth, Takes::kValue},
    {"--cpu-rt-period", Owner::kBoth, Takes::kValue},
    {"--cpu-rt-runtime", Owner::kBoth, Takes::kValue},
    {"--cpuset-cpus", Owner::kBoth, Takes::kValue},
    {"--cpuset-mems", Owner::kBoth, Takes::kValue},
    {"--kernel-memory", Owner::kBoth, Takes::kValue},
    {"--memory", Owner::kBoth, Takes::kValue},
    {"--memory-reservation", Owner::kBoth, Takes::kValue},
    {"--memory-swap", Owner::kBoth, Takes::kValue},
    {"--pids-limit", Owner::kBoth, Takes::kValue},
    {"-m", Owner::kDocker, Takes::kValue},
    {"--cpu-shares", Owner::kDocker, Takes::kValue},
    {"-c", Owner::kDocker, Takes::kValue},
    {"--cpus", Owner::kDocker, Takes::kValue},
    {"--restart", Owner::kDocker, Takes::kValue},
};

constexpr Flag kEventsFlags[] = {
    {"--interval", Owner::kOci, Takes::kValue},  {"--stats", Owner::kOci},
    {"--filter", Owner::kDocker, Takes::kValue}, {"-f", Owner::kDocker, Takes::kValue},
    {"--since", Owner::kDocker, Takes::kValue},  {"--until", Owner::kDocker, Takes::kValue},
    {"--format", Owner::kDocker, Takes::kValue},
};

constexpr Flag kCheckpointFlags[] = {
    {"--image-path", Owner::kOci, Takes::kValue},
    {"--work-path", Owner::kOci, Takes::kValue},
    {"--parent-path", Owner::kOci, Takes::kValue},
    {"--leave-running", Owner::kOci},
    {"--tcp-established", Owner::kOci},
    {"--tcp-skip-in-flight", Owner::kOci},
    {"--link-remap", Owner::kOci},
    {"--ext-unix-sk", Owner::kOci},
    {"--shell-job", Owner::kOci},
    {"--lazy-pages", Owner::kOci},
    {"--status-fd", Owner::kOci, Takes::kValue},
    {"--page-server", Owner::kOci, Takes::kValue},
    {"--file-locks", Owner::kOci},
    {"--pre-dump", Owner::kOci},
    {"--manage-cgroups-mode", Owner::kOci, Takes::kValue},
    {"--empty-ns", Owner::kOci, Takes::kValue},
    {"--auto-dedup", Owner::kOci},
};

bool is_signal(const std::string& word) {
  try {
    (void)parse_signal(word);
    return true;
  } catch (const Error&) {
    return false;
  }
}

using Decide = Door (*)(const Args& words, const Surroundings& world);

Door by_bundle(const Args& words, const Surroundings& world) {
  return words.size() == 1 && world.bundle_here() && !world.image_exists(words[0]) ? Door::kOci
                                                                                   : Door::kImage;
}

// Nobody's name is OCI's: its callers know the words in which it says so.
Door by_first_name(const Args& words, const Surroundings& world) {
  return !words.empty() && world.whose(words[0]) == Whose::kImage ? Door::kImage : Door::kOci;
}

Door by_names(const Args& words, const Surroundings& world) {
  return words.size() > 1 ? Door::kImage : by_first_name(words, world);
}

// podman's `kill ID 15` must not depend on whether somebody has called a container "15".
Door by_signal(const Args& words, const Surroundings& world) {
  if (words.size() != 2) return by_names(words, world);
  if (world.whose(words[0]) != Whose::kImage) return Door::kOci;
  return is_signal(words[1]) && world.whose(words[1]) != Whose::kImage ? Door::kOci : Door::kImage;
}

Door by_presence(const Args& words, const Surroundings&) {
  return words.empty() ? Door::kImage : Door::kOci;
}

Door by_subword(const Args& words, const Surroundings& world) {
  constexpr std::string_view kSubwords[] = {"create", "ls", "list", "rm", "remove"};
  const bool subword = !words.empty() && std::ranges::find(kSubwords, words[0]) != std::end(kSubwords);
  if (subword) return words.size() == 1 && world.whose(words[0]) == Whose::kOci ? Door::kOci : Door::kImage;
  return by_first_name(words, world);
}

enum class Words {
  kFlagsAnywhere,
  kFlagsFirst,  // what follows the first word that is no flag belongs to the container, whatever it looks
                // like
};

struct TwoMeanings {
  std::string_view verb;
  std::span<const Flag> flags;
  Words words;
  Door unknown_flag;  // whose mistake a flag is that is in no table
  Door help;
  Decide decide;
};

constexpr TwoMeanings kVerbs[] = {
    {"run", kCreateFlags, Words::kFlagsFirst, Door::kImage, Door::kImage, by_bundle},
    {"create", kCreateFlags, Words::kFlagsFirst, Door::kImage, Door::kOci, by_bundle},
    {"exec", kExecFlags, Words::kFlagsFirst, Door::kOci, Door::kOci, by_first_name},
    {"start", kStartFlags, Words::kFlagsAnywhere, Door::kOci, Door::kOci, by_names},
    {"kill", kKillFlags, Words::kFlagsAnywhere, Door::kOci, Door::kOci, by_signal},
    {"ps", kPsFlags, Words::kFlagsFirst, Door::kOci, Door::kOci, by_presence},
    {"pause", {}, Words::kFlagsAnywhere, Door::kOci, Door::kOci, by_names},
    {"update", kUpdateFlags, Words::kFlagsAnywhere, Door::kOci, Door::kOci, by_names},
    {"events", kEventsFlags, Words::kFlagsAnywhere, Door::kOci, Door::kOci, by_presence},
    {"checkpoint", kCheckpointFlags, Words::kFlagsFirst, Door::kOci, Door::kOci, by_subword},
};

const TwoMeanings* find_verb(std::string_view name) {
  const auto found = std::ranges::find(kVerbs, name, &TwoMeanings::verb);
  return found == std::end(kVerbs) ? nullptr : found;
}

// Reads the words after the verb up to the first one that settles it.
class Scan {
 public:
  Scan(const TwoMeanings& verb, const Args& args) : verb_(verb) {
    for (size_t i = 0; i < args.size() && !door_; ++i) {
      const bool flags_over = ended_ || (verb.words == Words::kFlagsFirst && !names_.empty());
      if (flags_over || !args[i].starts_with('-') || args[i] == "-")
        names_.push_back(args[i]);
      else if (args[i] == "--")
        ended_ = true;
      else if (args[i] == "--help" || args[i] == "-h")
        door_ = verb.help;
      else if (takes_next(args[i]))
        ++i;
    }
  }
  const std::optional<Door>& door() const { return door_; }
  const Args& names() const { return names_; }

 private:
  const Flag* find(std::string_view name) const {
    const auto found = std::ranges::find(verb_.flags, name, &Flag::name);
    return found == verb_.flags.end() ? nullptr : &*found;
  }
  void settle(const Flag& flag) {
    if (flag.owner != Owner::kBoth) door_ = flag.owner == Owner::kOci ? Door::kOci : Door::kImage;
  }
  // Whether the flag's value is the next word.
  bool takes_next(std::string_view word) {
    const size_t equals = word.find('=');
    if (const Flag* flag = find(word.substr(0, equals))) {
      settle(*flag);
      return flag->takes == Takes::kValue && equals == std::string_view::npos;
    }
    return !word.starts_with("--") && word.size() > 2 ? bundle_takes_next(word.substr(1)) : unknown();
  }
  // -dit is -d -i -t, and -u0 is -u 0.
  bool bundle_takes_next(std::string_view letters) {
    for (size_t i = 0; i < letters.size() && !door_; ++i) {
      const char name[] = {'-', letters[i], '\0'};
      const Flag* flag = find(name);
      if (!flag) return unknown();
      settle(*flag);
      if (flag->takes == Takes::kValue) return i + 1 == letters.size();
    }
    return false;
  }
  // Whether it takes a value cannot be known, so nothing after it can be read.
  bool unknown() {
    door_ = verb_.unknown_flag;
    return false;
  }

  const TwoMeanings& verb_;
  std::optional<Door> door_;
  bool ended_ = false;
  Args names_;
};

}  // namespace

CalledAs called_as(std::string_view argv0) {
  const std::string_view name = argv0.substr(argv0.rfind('/') + 1);
  if (name == "runc" || name == "crun") return CalledAs::kOci;
  if (name == "docker" || name == "podman") return CalledAs::kImage;
  return CalledAs::kEither;
}

bool has_two_meanings(std::string_view verb) {
  return find_verb(verb) != nullptr;
}

std::vector<OciFlag> oci_flags_of(std::string_view verb) {
  std::vector<OciFlag> out;
  const TwoMeanings* found = find_verb(verb);
  if (!found) return out;
  for (const Flag& flag : found->flags)
    if (flag.owner != Owner::kDocker) out.push_back({flag.name, flag.takes == Takes::kValue});
  return out;
}

Door door_of(const CommandLine& line, CalledAs called, const Surroundings& surroundings) {
  if (line.said_oci) return Door::kOci;
  if (called != CalledAs::kEither) return called == CalledAs::kOci ? Door::kOci : Door::kImage;
  if (line.globals.oci_flag_given) return Door::kOci;
  const TwoMeanings* verb = find_verb(line.verb);
  if (!verb) return Door::kOci;
  const Scan scan(*verb, line.args);
  return scan.door() ? *scan.door() : verb->decide(scan.names(), surroundings);
}

}  // namespace crunlite::cmd
