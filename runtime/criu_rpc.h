// SPDX-License-Identifier: Apache-2.0
// What is said to criu and what it answers (images/rpc.proto of criu, versions 3.15 and later) as plain
// structs, and their protobuf form. Only the fields that crun-lite uses; others are skipped. Starts nothing
// and sends nothing: see runtime/criu.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crunlite::runtime {

// criu_req_type
enum class CriuCall : int32_t {
  kEmpty = 0,
  kDump = 1,
  kRestore = 2,
  kPreDump = 4,
  kNotify = 6,
  kFeatureCheck = 9,
  kVersion = 10,
};
std::string_view criu_call_name(CriuCall call);

// criu_cg_mode: what criu does with cgroups itself.
enum class CriuCgroupMode : int32_t { kIgnore = 0, kSoft = 3, kFull = 4, kStrict = 5 };

// criu_network_lock_method
enum class CriuNetworkLock : int32_t { kIptables = 1, kNftables = 2 };

struct CriuPageServer {
  std::string address;
  uint16_t port = 0;
};

// A descriptor of criu's own process for what the image calls `key`.
struct CriuInheritedFd {
  std::string key;
  int fd = -1;
};

// The cgroup, in the hierarchy of `controller`, that stands for the one at the dump. v2: no controller.
struct CriuCgroupRoot {
  std::string controller;
  std::string path;
};

struct CriuJoinedNamespace {
  std::string type;  // "ipc", "uts", …
  std::string path;
};

// criu_opts. The descriptors of directories are ours: criu opens them below /proc/PID/fd of whoever made the
// socket.
struct CriuOptions {
  int images_dir_fd = -1;
  std::optional<int> work_dir_fd;
  std::optional<pid_t> pid;
  int log_level = 4;  // everything
  std::string log_file;
  std::string root;
  std::string parent_image;
  std::string freeze_cgroup;
  std::string config_file;
  std::string lsm_profile;
  std::string lsm_mount_context;
  bool leave_running = false;
  bool ext_unix_sk = false;
  bool tcp_established = false;
  bool tcp_skip_in_flight = false;
  bool tcp_close = false;
  bool evasive_devices = false;
  bool shell_job = false;
  bool file_locks = false;
  bool track_mem = false;
  bool auto_dedup = false;
  bool link_remap = false;
  bool rst_sibling = false;
  bool lazy_pages = false;
  bool orphan_pts_master = false;
  bool notify_scripts = false;
  uint32_t empty_namespaces = 0;  // CLONE_NEW*
  CriuCgroupMode cgroup_mode = CriuCgroupMode::kSoft;
  std::optional<CriuNetworkLock> network_lock;
  std::optional<CriuPageServer> page_server;
  std::vector<std::string> external;  // "mnt[/data]:/data", "net[4026531840]:name", "file[1d:5f3]"
  std::vector<CriuInheritedFd> inherited;
  std::vector<CriuCgroupRoot> cgroup_roots;
  std::vector<CriuJoinedNamespace> joined;
};

// criu_features: in a request those that are asked about, in the answer those that are there.
struct CriuFeatures {
  bool mem_track = false;
  bool lazy_pages = false;
};

// criu_req
struct CriuRequest {
  CriuCall call = CriuCall::kVersion;
  std::optional<CriuOptions> options;
  std::optional<CriuFeatures> features;
  std::optional<bool> notify_success;
};
std::string encode_criu_request(const CriuRequest& request);

// criu_notify: criu has come to a point where others may have work to do.
struct CriuNotification {
  std::string script;  // "setup-namespaces", "post-restore", …
  pid_t pid = 0;
};

struct CriuVersion {
  int32_t major = 0;
  int32_t minor = 0;
  int32_t sublevel = 0;
  // 3.17.1 is 31701, as criu's own library has it.
  int32_t number() const { return major * 10000 + minor * 100 + sublevel; }
};

// criu_resp
struct CriuAnswer {
  CriuCall call = CriuCall::kEmpty;
  bool success = false;
  int error = 0;  // errno of the failure; 0: none is known
  std::string message;
  CriuNotification notification;
  pid_t restored = 0;
  CriuFeatures features;
  CriuVersion version;
};
// Throws Error(kSystem) for what is no such message.
CriuAnswer decode_criu_answer(std::string_view bytes);

}  // namespace crunlite::runtime
