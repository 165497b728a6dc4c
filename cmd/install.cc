// SPDX-License-Identifier: Apache-2.0
// `install`: what podman, docker and the others must be told to use crun-lite, printed or written. It does
// not copy programs about; `ninja install` does.
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "base/error.h"
#include "base/file.h"
#include "base/rooted_dir.h"
#include "cmd/caller_config.h"
#include "cmd/grammar.h"
#include "cmd/other_programs.h"
#include "cmd/output.h"
#include "cmd/verbs.h"

namespace crunlite::cmd {
namespace {

constexpr size_t kLargestFile = 1u << 20;
constexpr mode_t kDefaultMode = 0644;

// What callers are told must mean the same from every working directory.
std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char directory[PATH_MAX];
  if (!::getcwd(directory, sizeof directory)) throw SysError(errno, "find out the working directory");
  return cat(directory, "/", path);
}

void expect_program(const std::string& path) {
  const struct stat st = check(sys::stat_at(AT_FDCWD, path.c_str(), 0), "look at the runtime ", path);
  if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
    throw Error(ErrorKind::kUsage, "crun-lite install: ", path, " is not a program")
        .with_remedy("--path names the crun-lite that callers are to start");
}

// The files of the machine below `root`. Its links are followed as that machine would follow them: in the
// tree of an image, /etc/containers may lead to /etc/containers.
class Machine {
 public:
  explicit Machine(std::string root) : root_(std::move(root)) {}

  std::string at(const std::string& path) const { return root_ == "/" ? path : root_ + path; }

  std::optional<std::string> read(const std::string& path) const {
    const sys::Result<RootedDir> root = RootedDir::open_trusted(root_.c_str());
    if (!root.ok() && is_missing(root.error())) return std::nullopt;
    check(root.status(), "open ", root_);
    const sys::Result<RootedDir::Leaf> leaf = root->open_parent(path.c_str());
    if (!leaf.ok() && is_missing(leaf.error())) return std::nullopt;
    check(leaf.status(), "look at ", at(path));
    const std::optional<struct stat> there = stat_of(*leaf, path);
    if (!there) return std::nullopt;
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    const UniqueFd file = check(sys::open_at(leaf->parent.get(), leaf->name, kFlags), "open ", at(path));
    return read_fd(file.get(), at(path), kLargestFile);
  }

  // False: it is like that already.
  bool write(const std::string& path, const std::string& content) const {
    if (read(path) == content) return false;
    ::umask(0);
    if (root_ != "/") (void)make_own_dirs(root_, 0755);
    const RootedDir root = check(RootedDir::open_trusted(root_.c_str()), "open ", root_);
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    (void)check(root.make_dirs(directory.c_str(), 0755), "create directory ", at(directory));
    const RootedDir::Leaf leaf = check(root.open_parent(path.c_str()), "open ", at(directory));
    const std::optional<struct stat> there = stat_of(leaf, path);
    const mode_t mode = there ? there->st_mode & 07777 : kDefaultMode;
    with_context(at(path),
                 [&] { write_file_atomic(leaf.parent.get(), leaf.name, content, mode, Durability::kSync); });
    return true;
  }

 private:
  static bool is_missing(int error) { return error == ENOENT || error == ENOTDIR; }

  std::optional<struct stat> stat_of(const RootedDir::Leaf& leaf, const std::string& path) const {
    const sys::Result<struct stat> st = sys::stat_at(leaf.parent.get(), leaf.name, AT_SYMLINK_NOFOLLOW);
    if (st.error() == ENOENT) return std::nullopt;
    // It would be replaced by a file, and what it points to would keep the old content.
    if (S_ISLNK(check(st, "look at ", at(path)).st_mode)) {
      throw Error(ErrorKind::kUnsupported, at(path), " is a symbolic link")
          .with_remedy("name the file that it leads to with --file");
    }
    if (!S_ISREG(st->st_mode)) throw Error(ErrorKind::kUnsupported, at(path), " is not a regular file");
    return *st;
  }

  std::string root_;
};

void write_setup(const Machine& machine, const CallerSetup& setup) {
  const bool written = machine.write(setup.path, setup.content);
  print(cat(written ? "wrote " : "unchanged: ", machine.at(setup.path), "\n", setup.next, "\n"));
}

// The text alone on standard output, so that it can be redirected; beside it, for people, where it goes.
void print_setup(const Machine& machine, const CallerSetup& setup) {
  print(setup.content);
  (void)sys::write_all(STDERR_FILENO,
                       cat("crun-lite: this is for ", machine.at(setup.path), "; --write puts it there\n"));
}

struct Flags {
  std::string caller;
  std::string root = "/";
  bool write = false;
  CallerOptions options;
};

// False: the help was asked for.
bool read_install_flags(const Args& args, Flags& flags) {
  Grammar grammar("crun-lite install",
                  "Print or write what a caller needs to use crun-lite as its OCI runtime");
  CallerOptions& options = flags.options;
  grammar.option("--for", flags.caller, "CALLER", join(caller_names(), ", "));
  grammar.flag("--default", options.make_default, "make it the runtime of containers that name none");
  grammar.flag("--write", flags.write, "write the file instead of printing it");
  grammar.option("--file", options.file, "FILE", "this one instead of the caller's own");
  grammar.option("--root", flags.root, "DIR",
                 "write below DIR, as a package or an image is made (default: /)");
  grammar.option("--path", options.runtime, "PATH",
                 "the crun-lite that callers start, taken as it is (default: this one)");
  grammar.flag("--systemd-cgroup", options.systemd_cgroup, "containerd: cgroups are made by systemd");
  if (!grammar.read(args)) return false;
  if (flags.caller.empty()) {
    throw Error(ErrorKind::kUsage, "crun-lite install: --for is missing")
        .with_remedy(cat("it takes ", join(caller_names(), ", ")));
  }
  return true;
}

}  // namespace

int install(const Globals&, const Args& args) {
  Flags flags;
  if (!read_install_flags(args, flags)) return 0;
  if (flags.options.runtime.empty()) {
    flags.options.runtime = own_path();
    expect_program(flags.options.runtime);
  } else if (!flags.options.runtime.starts_with('/')) {
    throw Error(ErrorKind::kUsage, "crun-lite install: --path ", quote(flags.options.runtime),
                " is not absolute");
  }
  if (!flags.options.file.empty() && flags.root != "/")
    throw Error(ErrorKind::kUsage, "crun-lite install: --file and --root exclude each other");
  if (!flags.options.file.empty()) flags.options.file = absolute(flags.options.file);
  const Machine machine(flags.root == "/" ? flags.root : absolute(flags.root));
  // What is printed is what crun-lite adds, whatever is there: `> FILE` has emptied the file before we begin.
  const auto existing = [&](const std::string& path) -> std::optional<std::string> {
    if (!flags.write) return std::nullopt;
    return machine.read(path);
  };
  const CallerSetup setup = setup_of(flags.caller, flags.options, existing);
  if (flags.write) {
    write_setup(machine, setup);
  } else {
    print_setup(machine, setup);
  }
  return 0;
}

}  // namespace crunlite::cmd
