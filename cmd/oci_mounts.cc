// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/file.h"
#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "runtime/mounts.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kMostMounts = 4u << 20;

std::vector<oci::Mount> read_mounts(const std::string& file) {
  const bool standard_input = file == "-";
  const std::string name = standard_input ? "standard input" : file;
  return runtime::parse_mounts(
      standard_input ? read_fd(0, name, kMostMounts) : read_file(AT_FDCWD, file, kMostMounts), name);
}

}  // namespace

int oci_mounts(const Globals& globals, const Args& args) {
  Grammar grammar("crun-lite mounts", "Add mounts to a running container, or remove them");
  runtime::Ref container{.root = globals.root};
  std::string action;
  std::string file;
  grammar.required("add|remove", action, "what to do");
  grammar.required("container-id", container.id, "which container");
  grammar.required("file", file,
                   "JSON: an array like `mounts` of config.json, or an object that has one (-: stdin)");
  if (!grammar.read(args)) return 0;
  if (action != "add" && action != "remove")
    throw Error(ErrorKind::kUsage, "mounts ", quote(action), ": there are `mounts add` and `mounts remove`");
  const std::vector<oci::Mount> mounts = read_mounts(file);
  if (action == "add")
    runtime::add_mounts(container, mounts);
  else
    runtime::remove_mounts(container, mounts);
  return 0;
}

}  // namespace crunlite::cmd
