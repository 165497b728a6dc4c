// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/error.h"
#include "cmd/criu_flags.h"
#include "cmd/criu_program.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {
namespace {

std::optional<int> status_fd(const std::string& text) {
  if (text.empty() || text == "-1") return std::nullopt;
  const auto fd = parse_number<int>(text);
  const int flags = fd && *fd >= 0 ? ::fcntl(*fd, F_GETFL) : -1;
  if (flags == -1)
    throw Error(ErrorKind::kUsage, "invalid --status-fd ", quote(text), ": not an open descriptor");
  if ((flags & O_ACCMODE) == O_RDONLY)
    throw Error(ErrorKind::kUsage, "invalid --status-fd ", quote(text), ": not writable");
  return fd;
}

}  // namespace

int oci_checkpoint(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite checkpoint", "Write the processes of a container to a directory, by criu");
  CheckpointFlags flags;
  describe(grammar, flags);
  runtime::CheckpointOptions& options = flags.options;
  if (!grammar.read(args)) {
    // podman asks this way whether there is anything to be had of `checkpoint`.
    (void)runtime::require_criu(find_criu());
    return 0;
  }
  options.container.root = globals.root;
  if (!flags.page_server.empty()) options.page_server = parse_page_server(flags.page_server);
  options.status_fd = status_fd(flags.status_fd);
  complete_criu_settings(flags.criu, options.criu);
  runtime::checkpoint(options);
  return 0;
}

}  // namespace crunlite::cmd
