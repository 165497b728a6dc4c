// SPDX-License-Identifier: Apache-2.0
#include "cmd/load.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/sys.h"
#include "cmd/grammar.h"
#include "engine/load_image.h"

namespace crunlite::cmd {
namespace {

constexpr std::string_view kDigestPrefix = "sha256:";
constexpr size_t kShortId = 12;

struct LoadOptions {
  std::string input;
  bool quiet = false;  // accepted as docker does; there is no progress to leave out
  std::string platform;
};

void print(const std::string& line) {
  check(sys::write_all(STDOUT_FILENO, line + "\n"), "write to standard output");
}

oci::Platform parse_platform(const std::string& text) {
  if (text.empty()) return {};
  const std::vector<std::string_view> parts = split(text, '/');
  if (parts.size() < 2 || parts[0].empty() || parts[1].empty())
    throw Error(ErrorKind::kUsage, "invalid platform ", quote(text), ": expected os/architecture");
  return {.os = std::string(parts[0]), .architecture = std::string(parts[1])};
}

// The words of docker load.
void print_report(const engine::LoadReport& report) {
  for (const std::string& warning : report.warnings)
    (void)sys::write_all(STDERR_FILENO, cat("warning: ", printable(warning), "\n"));
  for (const engine::MovedName& moved : report.moved) {
    print(cat("The image ", moved.name, " already exists, renaming the old one with ID ", moved.old_id,
              " to empty string"));
  }
  for (const engine::LoadedImage& image : report.images) {
    for (const std::string& name : image.names) print(cat("Loaded image: ", name));
    if (!image.names.empty()) continue;
    print(cat("Loaded image ID: ", image.id));
    (void)sys::write_all(STDERR_FILENO, cat("hint: the archive has no name for this image: crun-lite run ",
                                            image.id.substr(kDigestPrefix.size(), kShortId), "\n"));
  }
}

[[noreturn]] void refuse_argument(const std::string& argument) {
  if (argument.size() > 1 && argument.starts_with('-')) {
    throw Error(ErrorKind::kUsage, "load: unknown flag: ", printable(argument))
        .with_remedy("see `crun-lite load --help`");
  }
  throw Error(ErrorKind::kUsage, "load takes no arguments")
      .with_remedy(cat("name the archive with a flag: crun-lite load -i ", printable(argument)));
}

}  // namespace

int load(const std::string& store_root, const std::vector<std::string>& args) {
  LoadOptions options;
  CLI::App app("Load an image from a tar archive, an OCI layout or standard input", "crun-lite load");
  app.add_option("-i,--input", options.input, "Read from a file or directory instead of standard input");
  app.add_flag("-q,--quiet", options.quiet, "Suppress the load output");
  app.allow_extras();
  app.add_option("--platform", options.platform, "Load only the given platform (os/architecture)");
  if (!read_flags(app, args)) return 0;
  if (!app.remaining().empty()) refuse_argument(app.remaining().front());
  engine::LoadRequest request{.input = options.input, .platform = parse_platform(options.platform)};
  if (options.input.empty()) {
    if (::isatty(STDIN_FILENO))
      throw Error(ErrorKind::kUsage, "requested load from stdin, but stdin is empty")
          .with_remedy("give an archive: crun-lite load -i FILE, or crun-lite load < FILE");
    request.fd = STDIN_FILENO;
  }
  print_report(engine::load_images(image::Store::open(store_root), request));
  return 0;
}

}  // namespace crunlite::cmd
