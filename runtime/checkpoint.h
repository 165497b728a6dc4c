// SPDX-License-Identifier: Apache-2.0
// `checkpoint` and `restore`: a container's processes written to a directory by criu, and made again from it.
// The directory is criu's; all that crun-lite itself reads of it is descriptors.json. What is restored is a
// container like any other: its cgroups, hooks and record are made from the bundle, as by create().
#pragma once

#include <optional>
#include <string>

#include "runtime/criu.h"
#include "runtime/runtime.h"

namespace crunlite::runtime {

// What both directions are told.
struct CriuSettings {
  CriuProgram program;
  std::string image_path = "checkpoint";
  std::string work_path;  // for criu's log and sockets; empty: the image path
  // The file of criu's own options when the annotation org.criu.config does not name one; empty: none.
  std::string config_file;
  bool tcp_established = false;
  bool ext_unix_sk = false;
  bool shell_job = false;
  bool file_locks = false;
  bool auto_dedup = false;
  bool lazy_pages = false;
  CriuCgroupMode cgroup_mode = CriuCgroupMode::kSoft;
};

struct CheckpointOptions {
  Ref container;
  CriuSettings criu;
  std::string parent_path;  // of an earlier image, relative to the image path; empty: none
  bool leave_running = false;
  bool pre_dump = false;  // memory only; the container goes on
  bool tcp_skip_in_flight = false;
  bool link_remap = false;
  std::optional<int> status_fd;  // gets one zero byte when lazy pages can be asked for
  std::optional<CriuPageServer> page_server;
};
// The image is complete on return. Without leave_running and pre_dump the container is then deleted, as by
// remove(). On an error it goes on as before. Throws Error with the end of criu's log.
void checkpoint(const CheckpointOptions& options);

struct RestoreOptions {
  CreateOptions create;
  CriuSettings criu;
  bool tcp_close = false;  // connections are closed instead of taken up again
  std::string lsm_profile;
  std::string lsm_mount_context;
  bool detach = false;
  bool subreaper = true;  // as in RunOptions
};
// Makes the container again; on return it runs. On an error nothing is left behind. For the Child see
// create().
Child restore(const RestoreOptions& options);

// restore() and, unless detached, stay in the foreground and delete it: as run().
int run_restored(const RestoreOptions& options);

}  // namespace crunlite::runtime
