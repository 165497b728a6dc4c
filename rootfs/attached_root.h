// SPDX-License-Identifier: Apache-2.0
// The root of a container that has no mount namespace of its own: a mount in its caller's, which stays there
// until `delete` takes it off with everything below it. Known by its number, because others may mount and
// unmount at the same path.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace crunlite::rootfs {

// Of the mount that `fd` is on, attached or not: never given again where the kernel has such numbers
// (STATX_MNT_ID_UNIQUE, Linux 6.8). Throws SysError.
uint64_t mount_number(int fd);

// Takes the mount at `path` off if it is that one. False: something else is there, and stays.
bool detach_root(const std::string& path, uint64_t number);

class AttachedRoot {
 public:
  // `number` 0: none.
  AttachedRoot(std::string path, uint64_t number) : path_(std::move(path)), number_(number) {}
  AttachedRoot(const AttachedRoot&) = delete;
  AttachedRoot& operator=(const AttachedRoot&) = delete;
  ~AttachedRoot() {
    if (number_ != 0) (void)detach_root(path_, number_);
  }
  void keep() { number_ = 0; }

 private:
  std::string path_;
  uint64_t number_;
};

}  // namespace crunlite::rootfs
