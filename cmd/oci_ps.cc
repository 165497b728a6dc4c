// SPDX-License-Identifier: Apache-2.0
// `ps ID`: the processes of one container. The table is what the host's own ps prints, less the lines of
// others: nothing of the container is executed or even looked at (CVE-2022-1227).
#include <algorithm>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "cmd/oci_flags.h"
#include "cmd/output.h"
#include "cmd/ps_table.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kMostOutput = 64u << 20;

std::string host_ps() {
  for (const char* path : {"/usr/bin/ps", "/bin/ps", "/usr/local/bin/ps"})
    if (sys::stat_at(AT_FDCWD, path, 0).ok()) return path;
  throw Error(ErrorKind::kUnsupported, "there is no ps on this machine")
      .with_remedy("install it (package procps), or use --format json");
}

std::string output_of_ps(const Args& args) {
  sys::PipeEnds pipe = check(sys::pipe(), "make a pipe");
  SpawnOptions options{.path = host_ps(),
                       .args = {"ps"},
                       .env = {"PATH=/usr/bin:/bin"},
                       .stdout_fd = pipe.write.get(),
                       .stderr_fd = STDERR_FILENO};
  options.args.insert(options.args.end(), args.begin(), args.end());
  Child ps = spawn(options);
  pipe.write.reset();
  std::string text = read_fd(pipe.read.get(), "the output of ps", kMostOutput);
  if (const int code = ps.wait().shell_code(); code != 0)
    throw Error(ErrorKind::kUsage, "ps ", join(args, " "), " ended with exit status ", code);
  return text;
}

}  // namespace

int oci_ps(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite ps", "Show the processes of a container: ps [OPTIONS] ID [ARGUMENTS OF PS...]");
  PsFlags flags;
  describe(grammar, flags);
  // What follows the id is for ps(1), which has an option --format too.
  Args rest = grammar.read_front(args);
  if (flags.help) {
    print(grammar.help());
    return 0;
  }
  const std::string id = grammar.first_positional(rest);
  const std::vector<pid_t> pids = runtime::processes({.root = globals.root, .id = id});
  if (flags.format == "json") {
    json::Array out;
    for (const pid_t pid : pids) out.emplace_back(pid);
    print(json::dump(out) + "\n");
  } else {
    rest.erase(rest.begin());
    print(lines_of_processes(output_of_ps(rest.empty() ? Args{"-ef"} : rest), pids));
  }
  return 0;
}

}  // namespace crunlite::cmd
