// SPDX-License-Identifier: Apache-2.0
// Existing namespaces for a container: opened and checked, and entered by the parent around the clone where
// only a child can be put into them (pid), or where the child would no longer be allowed to (it gets a user
// namespace of its own).
#pragma once

#include <vector>

#include "base/proc.h"
#include "runtime/init/plan.h"

namespace crunlite::runtime {

// The namespaces of a process, of these types (CLONE_NEW*), in this order: what a further process of its
// container joins. `pid` must be held by a pidfd, and the caller asks it afterwards whether the process still
// lives; if so, the descriptors are of that process. Throws SysError.
std::vector<NamespaceJoin> namespaces_of(const Proc& proc, pid_t pid, const std::vector<int>& types);

// Opens the paths of both lists; one that is our own namespace anyway is left out. Throws Error when a path
// is no namespace of that type.
void open_namespaces(NamespacePlan& plan);

// Enters them, and goes back when it is destroyed.
class JoinedForClone {
 public:
  explicit JoinedForClone(const std::vector<NamespaceJoin>& namespaces);
  JoinedForClone(const JoinedForClone&) = delete;
  JoinedForClone& operator=(const JoinedForClone&) = delete;
  ~JoinedForClone();

 private:
  void go_back() noexcept;

  struct Origin {
    UniqueFd fd;
    int type;
  };
  bool active_ = false;
  std::vector<Origin> origins_;
};

// The pid of a pidfd's process as we see it (/proc/self/fdinfo). Throws Error.
pid_t pid_of(const Proc& proc, int pidfd);

}  // namespace crunlite::runtime
