// SPDX-License-Identifier: Apache-2.0
// What a directory carries beside its entries: mode, owner, times, extended attributes. For directories of
// the store that must look like others; overlay's own attributes are not among them.
#pragma once

#include <map>
#include <string>

#include "base/sys.h"

namespace crunlite::rootfs {

struct Attributes {
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  std::map<std::string, std::string> xattrs;
};

// `dir` is open for reading. Throws SysError.
Attributes read_attributes(int dir);
void apply_attributes(int dir, const Attributes& attributes);
bool same_attributes(const Attributes& a, const Attributes& b);

}  // namespace crunlite::rootfs
