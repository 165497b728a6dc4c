// SPDX-License-Identifier: Apache-2.0
// The OCI operations (runtime.md, Operations), as the verbs of cmd/ and the engine call them. A container is
// a bundle plus a record in the state root; nothing here knows images, networks or container names. All of
// them throw Error with the wording that callers parse.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/child.h"
#include "oci/state.h"
#include "runtime/cgroup/cgroup.h"

namespace crunlite::runtime {

inline constexpr std::string_view kDefaultRoot = "/run/crun-lite";

// Which container: its id is unique below one state root (--root).
struct Ref {
  std::string root;
  std::string id;
};

struct CreateOptions {
  Ref container;
  std::string bundle = ".";
  std::string config_file = "config.json";  // relative to the bundle unless absolute
  std::string pid_file;                     // empty: none
  CgroupManager cgroup_manager = CgroupManager::kCgroupfs;
  SystemdAccess systemd;  // for CgroupManager::kSystemd
  // The caller may be refused what root may do with cgroups: CgroupPlan::rootless.
  bool rootless = false;
  unsigned preserve_fds = 0;  // descriptors 3 … 3+N-1 are passed on to the container's process
  unsigned listen_fds = 0;    // of those, what the caller's LISTEN_FDS says: sd_listen_fds(3)
  bool no_pivot = false;
  bool no_new_keyring = false;
  // Where the master of the container's terminal goes (process.terminal): a socket to connect to, or one that
  // is connected already and is then ignored when there is no terminal.
  std::string console_socket;
  int console_fd = -1;
  std::string notify_socket;  // the caller's NOTIFY_SOCKET (sd_notify(3)); empty: none
  std::string pidfd_socket;   // where a pidfd of the init goes; empty: nowhere
  // The container's 0, 1 and 2 when there is no terminal: descriptors of the caller. Default: its own.
  int stdio[3] = {0, 1, 2};
};

// Makes the container and its init process, which waits for start(). On return the pid file and the state are
// written and the hooks up to createContainer have run. On an error nothing is left behind.
// The Child kills the init process when it is destroyed: detach() it or wait for it.
Child create(const CreateOptions& options);

// Lets the init process execute the program of process.args, and returns when it has (or throws why it could
// not). With the caller's NOTIFY_SOCKET, and when create() had one too: when the program has said READY=1, or
// has ended.
void start(const Ref& container, const std::string& notify_socket = {});

struct RunOptions {
  CreateOptions create;
  bool detach = false;
  bool keep = false;      // leave the container's record and cgroups when it has ended
  bool subreaper = true;  // its orphans become ours while we wait
};
// create and start; unless detached, stays in the foreground, then deletes it. Gives the exit code: the
// container's, 128 + n for a signal, or 0 when detached.
int run(const RunOptions& options);

oci::State state(const Ref& container);
// Every container below `root`; a record that cannot be read is reported by log::warning and left out.
// A missing root is an empty list.
std::vector<oci::State> list(const std::string& root);

enum class Whom { kInit, kAll };
// Sends `signal` to the init process, or to every process of its cgroup.
void kill(const Ref& container, int signal, Whom whom = Whom::kInit);

// Stops every process of the container where it is (the freezer), and lets them go on.
void pause(const Ref& container);
void resume(const Ref& container);

struct UpdateOptions {
  oci::Resources resources;               // only what is to change
  std::vector<std::string> rdt_schemata;  // of the container's class of service (linux.intelRdt)
};
// Other limits for a created, running or paused container. When one is refused, those before it are set back;
// the error says whether that worked.
void update(const Ref& container, const UpdateOptions& options);

struct EventsOptions {
  bool once = false;                         // one set of statistics, at once
  std::chrono::milliseconds interval{5000};  // more than 0
};
using EventPrinter = std::function<void(const json::Value& event)>;
// {"type":"stats","id":…,"data":{…}} at every interval and {"type":"oom","id":…} when it happens, until the
// container's init ends.
void events(const Ref& container, const EventsOptions& options, const EventPrinter& print);
// The pids of its processes in our pid namespace, sorted; none when it has ended.
std::vector<pid_t> processes(const Ref& container);

enum class Force { kNo, kYes };
// `delete`: removes what create made, then runs the poststop hooks. kYes kills a running container first,
// cleans up after a create or delete that was killed, and is content when there is no such container.
void remove(const Ref& container, Force force);

}  // namespace crunlite::runtime
