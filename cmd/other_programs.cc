// SPDX-License-Identifier: Apache-2.0
#include "cmd/other_programs.h"

#include <stdlib.h>

#include <climits>

#include "base/error.h"
#include "base/sys.h"

namespace crunlite::cmd {

std::string running_path() {
  char path[PATH_MAX];
  const size_t size =
      check(sys::readlink_at(AT_FDCWD, "/proc/self/exe", path, sizeof path), "read /proc/self/exe");
  return std::string(path, size);
}

std::string own_path() {
  const char* original = ::getenv(std::string(kSealedVariable).c_str());
  return original && *original == '/' ? original : running_path();
}

std::string find_own_program(const std::string& name) {
  const std::string self = own_path();
  const std::string directory = self.substr(0, self.rfind('/'));
  const std::string candidates[] = {cat(directory, "/../libexec/crun-lite/", name),
                                    cat(directory, "/", name)};
  for (const std::string& path : candidates) {
    const sys::Result<struct stat> st = sys::stat_at(AT_FDCWD, path.c_str(), 0);
    if (st.ok()) return path;
    // In root's own directory: "not there" would be a guess.
    if (st.error() == EACCES) throw SysError(EACCES, "start ", path);
  }
  throw Error(ErrorKind::kUnsupported, "the program ", name, " is not there (looked for ", candidates[0],
              " and ", candidates[1], ")")
      .with_remedy("install crun-lite whole: `ninja -C build install`");
}

}  // namespace crunlite::cmd
