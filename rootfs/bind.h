// SPDX-License-Identifier: Apache-2.0
// Attaching a copy of one object of the file tree to another, by descriptors: open_tree, mount_setattr,
// move_mount, or what mount(2) can do of it on kernels (before 5.12) and sandboxes without them. The child's
// code.
#pragma once

#include "base/rooted_dir.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

struct BindRequest {
  // What is attached: a detached tree, an open object, or else a path of the current root.
  int tree = -1;
  int object = -1;
  const char* path = nullptr;
  bool follow = true;  // a link that `path` ends in
  bool recursive = false;
  int target = -1;  // O_PATH descriptor of the mount point
  AttrChange attributes{};
  AttrChange recursive_attributes{};
  const unsigned long* propagation = nullptr;
  size_t propagation_count = 0;
  // Where the target is, for the old calls that can only change a mount by looking it up again.
  const RootedDir* root = nullptr;
  const char* destination = nullptr;
};
sys::Status bind(const BindRequest& request);

// Changes the mount whose root `fd` is: attributes of the top, of the whole tree, propagation in order.
sys::Status change_mount(int fd, const AttrChange& top, const AttrChange& tree,
                         const unsigned long* propagation, size_t propagation_count);

// Makes the mount at `destination` read-only.
sys::Status make_read_only(const RootedDir& root, const char* destination);

}  // namespace crunlite::rootfs
