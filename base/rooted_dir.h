// SPDX-License-Identifier: Apache-2.0
// A directory below which hostile paths are resolved, and the only way to open one. `RootedDir` makes every
// path stay inside: absolute links and `..` are taken as the container would take them (openat2(2),
// RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS). Kernels or sandboxes without openat2 get a walk that gives the
// same answers; tests force it. Usable in the child: no allocation, no exceptions.
#pragma once

#include <climits>

#include "base/sys.h"

namespace crunlite {

class RootedDir {
 public:
  enum class Resolver {
    kAuto,  // openat2 where the kernel has it, else the walk
    kWalk,  // always the walk (tests)
  };

  RootedDir() = default;
  explicit RootedDir(UniqueFd dir, Resolver resolver = Resolver::kAuto)
      : dir_(std::move(dir)), resolver_(resolver) {}
  // `path` is trusted: it is resolved in the caller's own root.
  static sys::Result<RootedDir> open_trusted(const char* path, Resolver resolver = Resolver::kAuto);

  int fd() const { return dir_.get(); }
  bool valid() const { return dir_.valid(); }

  // Opens `path` inside the root, following links inside the root. Errors: those of openat2(2).
  sys::Result<UniqueFd> open(const char* path, int flags, mode_t mode = 0) const;

  // The directory that holds the last component, and that component: for *at calls that must not follow it.
  // "", "/", "." and ".." as a last component are EINVAL.
  struct Leaf {
    UniqueFd parent;
    char name[NAME_MAX + 1] = {};
  };
  sys::Result<Leaf> open_parent(const char* path) const;

  // mkdir -p inside the root; existing directories (also through links that stay inside) keep their mode.
  // Gives an O_PATH descriptor of the last one.
  sys::Result<UniqueFd> make_dirs(const char* path, mode_t mode) const;

 private:
  // make_dirs from the root downwards.
  sys::Result<UniqueFd> make_each_dir(const char* path, mode_t mode) const;

  UniqueFd dir_;
  Resolver resolver_ = Resolver::kAuto;
};

}  // namespace crunlite
