// SPDX-License-Identifier: Apache-2.0
// The file of --pid-file: the number alone, without a newline, because go-runc and BuildKit parse the raw
// bytes; and by rename, because they wait for the file to appear.
#pragma once

#include <sys/types.h>

#include <string>

namespace crunlite::runtime {

// Writes it, and removes it again unless keep().
class PidFile {
 public:
  // An empty path: no file. Throws SysError.
  PidFile(const std::string& path, pid_t pid);
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace crunlite::runtime
