// SPDX-License-Identifier: Apache-2.0
// The program criu, started as `criu swrk` with one end of a socket on which it takes requests: one process
// for one request, and the conversation until its answer. Knows nothing of containers: what is asked is in
// the request (runtime/criu_rpc.h), what is to be done meanwhile is the caller's callback.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/child.h"
#include "runtime/criu_rpc.h"

namespace crunlite::runtime {

// Where it is and what it is started with: found by cmd/, which reads the environment.
struct CriuProgram {
  std::string path;              // absolute; empty: it is not installed
  std::string searched;          // the PATH in which it was looked for
  std::vector<std::string> env;  // of our caller: criu looks for tar and iptables in its PATH
  // Whether that PATH has iptables-restore, with which criu stops a container's network unless told
  // otherwise.
  bool has_iptables = true;
};

// A criu that waits for its request.
class Criu {
 public:
  static constexpr int kFirstFd = 4;  // of `fds`, in its process

  struct Inherits {
    int stdio[3] = {-1, -1, -1};  // -1: nothing; its standard error is then kept for the message
    std::vector<int> fds;
  };
  Criu(const CriuProgram& program, const Inherits& inherits);
  explicit Criu(const CriuProgram& program) : Criu(program, Inherits()) {}

  pid_t pid() const { return child_.pid(); }

  // Called at each notification that criu waits on; `fd` comes with some of them. When it throws, criu is
  // told to give up, and the exception leaves call() once criu has undone its part.
  using Notified = std::function<void(const CriuNotification& notification, UniqueFd fd)>;
  // Sends the request, and returns when criu has answered and ended. The answer may be a failure. Throws
  // Error when criu ends without one.
  CriuAnswer call(const CriuRequest& request, const Notified& notified = {});

 private:
  CriuAnswer receive(UniqueFd& fd);
  CriuAnswer converse(const Notified& notified);
  void send(const CriuRequest& request);
  [[noreturn]] void report_end();

  UniqueFd socket_;
  UniqueFd complaints_;
  Child child_;
};

// Asks it for its version. Throws Error(kUnsupported) when it is not installed, cannot be run, says nothing
// sensible, or is older than what crun-lite needs.
CriuVersion require_criu(const CriuProgram& program);

// Throws Error(kUnsupported) unless this kernel and this criu have all that is set in `wanted`.
void require_criu_features(const CriuProgram& program, const CriuFeatures& wanted);

// The last errors in the text of a log of criu's, joined by "; "; empty: there are none.
std::string criu_errors(std::string_view log);

// The same from the log `name` in the directory `dir`; only its end is read.
std::string criu_errors(int dir, const std::string& name);

}  // namespace crunlite::runtime
