// SPDX-License-Identifier: Apache-2.0
#include "runtime/pid_file.h"

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {

PidFile::PidFile(const std::string& path, pid_t pid) : path_(path) {
  if (path.empty()) return;
  with_context("pid file", [&] { write_file_atomic(AT_FDCWD, path, cat(pid), 0644, Durability::kRename); });
}

PidFile::~PidFile() {
  if (!path_.empty()) (void)sys::unlink_at(AT_FDCWD, path_.c_str());
}

}  // namespace crunlite::runtime
