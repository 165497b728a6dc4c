// SPDX-License-Identifier: Apache-2.0
// Writes a controller's settings into a cgroup: values that depend on each other find their order, what the
// kernel lacks or refuses is said in words, and an update that fails half-way can be taken back. What to
// write is decided elsewhere (settings.h), and so is where (cgroup.cc).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

// What a caller without privileges can do about a refusal.
inline constexpr const char* kDelegation =
    "without privileges a cgroup has to be delegated first: use --systemd-cgroup with the user's systemd, or "
    "start from `systemd-run --user --scope -p Delegate=yes`";

class SettingWriter {
 public:
  enum class Undo {
    kNo,   // of a cgroup that goes away when something fails
    kYes,  // remember what was there
  };
  explicit SettingWriter(Undo undo) : undo_(undo) {}

  // `dir` stays open as long as the writer. Throws Error(kUnsupported) for a missing file, SysError for a
  // refused value, both with what is known about the reason.
  void write(int dir, const CgroupHierarchy& where, std::string_view controller, const Settings& settings);

  // Writes back what was there before, last first. Gives what came of it: "nothing was changed", or which
  // files hold their new values.
  std::string take_back();

 private:
  struct Done {
    int dir;
    std::string file;
    std::string before;  // empty: cannot be written back
  };
  bool write_one(int dir, const CgroupHierarchy& where, std::string_view controller, const Setting& setting,
                 bool last_attempt);

  Undo undo_;
  std::vector<Done> done_;
};

// What to write so that `setting` has never been: from the content of its file before. Empty when that cannot
// be said.
std::string value_before(const Setting& setting, const std::string& content);

}  // namespace crunlite::runtime
