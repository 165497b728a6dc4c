// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu_rpc.h"

// A field of another type than expected is read as what it is not, or the message ends too early: an
// exception, where the library's own assertion would end the program.
#define protozero_assert(condition)
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "base/error.h"

namespace crunlite::runtime {
namespace {

using protozero::pbf_reader;
using protozero::pbf_tag_type;
using protozero::pbf_writer;

// The numbers of the fields, by message of rpc.proto.
namespace req {
constexpr pbf_tag_type kType = 1, kOpts = 2, kNotifySuccess = 3, kFeatures = 5;
}
namespace opts {
constexpr pbf_tag_type kImagesDirFd = 1, kPid = 2, kLeaveRunning = 3, kExtUnixSk = 4, kTcpEstablished = 5,
                       kEvasiveDevices = 6, kShellJob = 7, kFileLocks = 8, kLogLevel = 9, kLogFile = 10,
                       kPageServer = 11, kNotifyScripts = 12, kRoot = 13, kParentImage = 14, kTrackMem = 15,
                       kAutoDedup = 16, kWorkDirFd = 17, kLinkRemap = 18, kManageCgroups = 24,
                       kCgroupRoot = 25, kRstSibling = 26, kInheritFd = 27, kManageCgroupsMode = 34,
                       kExternal = 37, kEmptyNs = 38, kJoinNs = 39, kFreezeCgroup = 44, kTcpSkipInFlight = 46,
                       kLazyPages = 48, kOrphanPtsMaster = 50, kConfigFile = 51, kTcpClose = 52,
                       kLsmProfile = 53, kLsmMountContext = 63, kNetworkLock = 64;
}
namespace resp {
constexpr pbf_tag_type kType = 1, kSuccess = 2, kRestore = 4, kNotify = 5, kErrno = 7, kFeatures = 8,
                       kMessage = 9, kVersion = 10;
}
// Of messages with two fields, in their order.
constexpr pbf_tag_type kFirst = 1, kSecond = 2;

void add_text(pbf_writer& out, pbf_tag_type tag, const std::string& text) {
  if (!text.empty()) out.add_string(tag, text);
}

void add_switch(pbf_writer& out, pbf_tag_type tag, bool on) {
  if (on) out.add_bool(tag, true);
}

void add_pair(pbf_writer& out, pbf_tag_type tag, const std::string& first, const std::string& second) {
  pbf_writer pair(out, tag);
  pair.add_string(kFirst, first);
  pair.add_string(kSecond, second);
}

void add_switches(pbf_writer& out, const CriuOptions& o) {
  add_switch(out, opts::kLeaveRunning, o.leave_running);
  add_switch(out, opts::kExtUnixSk, o.ext_unix_sk);
  add_switch(out, opts::kTcpEstablished, o.tcp_established);
  add_switch(out, opts::kEvasiveDevices, o.evasive_devices);
  add_switch(out, opts::kShellJob, o.shell_job);
  add_switch(out, opts::kFileLocks, o.file_locks);
  add_switch(out, opts::kNotifyScripts, o.notify_scripts);
  add_switch(out, opts::kTrackMem, o.track_mem);
  add_switch(out, opts::kAutoDedup, o.auto_dedup);
  add_switch(out, opts::kLinkRemap, o.link_remap);
  add_switch(out, opts::kRstSibling, o.rst_sibling);
  add_switch(out, opts::kTcpSkipInFlight, o.tcp_skip_in_flight);
  add_switch(out, opts::kLazyPages, o.lazy_pages);
  add_switch(out, opts::kOrphanPtsMaster, o.orphan_pts_master);
  add_switch(out, opts::kTcpClose, o.tcp_close);
}

void add_lists(pbf_writer& out, const CriuOptions& o) {
  for (const CriuCgroupRoot& root : o.cgroup_roots)
    add_pair(out, opts::kCgroupRoot, root.controller, root.path);
  for (const CriuInheritedFd& inherited : o.inherited) {
    pbf_writer message(out, opts::kInheritFd);
    message.add_string(kFirst, inherited.key);
    message.add_int32(kSecond, inherited.fd);
  }
  for (const std::string& external : o.external) out.add_string(opts::kExternal, external);
  for (const CriuJoinedNamespace& ns : o.joined) add_pair(out, opts::kJoinNs, ns.type, ns.path);
}

void add_options(pbf_writer& out, const CriuOptions& o) {
  out.add_int32(opts::kImagesDirFd, o.images_dir_fd);
  if (o.work_dir_fd) out.add_int32(opts::kWorkDirFd, *o.work_dir_fd);
  if (o.pid) out.add_int32(opts::kPid, *o.pid);
  out.add_int32(opts::kLogLevel, o.log_level);
  add_text(out, opts::kLogFile, o.log_file);
  add_text(out, opts::kRoot, o.root);
  add_text(out, opts::kParentImage, o.parent_image);
  add_text(out, opts::kFreezeCgroup, o.freeze_cgroup);
  add_text(out, opts::kConfigFile, o.config_file);
  add_text(out, opts::kLsmProfile, o.lsm_profile);
  add_text(out, opts::kLsmMountContext, o.lsm_mount_context);
  add_switches(out, o);
  if (o.empty_namespaces) out.add_uint32(opts::kEmptyNs, o.empty_namespaces);
  out.add_bool(opts::kManageCgroups, true);  // superseded by the next, and needed by it
  out.add_enum(opts::kManageCgroupsMode, static_cast<int32_t>(o.cgroup_mode));
  if (o.network_lock) out.add_enum(opts::kNetworkLock, static_cast<int32_t>(*o.network_lock));
  if (o.page_server) {
    pbf_writer server(out, opts::kPageServer);
    server.add_string(kFirst, o.page_server->address);
    server.add_int32(kSecond, o.page_server->port);
  }
  add_lists(out, o);
}

// Not get_bool(), which does not look whether there is a byte.
bool get_flag(pbf_reader& in) {
  return in.get_uint32() != 0;
}

CriuFeatures decode_features(pbf_reader in) {
  CriuFeatures out;
  while (in.next()) switch (in.tag()) {
      case kFirst:
        out.mem_track = get_flag(in);
        break;
      case kSecond:
        out.lazy_pages = get_flag(in);
        break;
      default:
        in.skip();
    }
  return out;
}

CriuNotification decode_notification(pbf_reader in) {
  CriuNotification out;
  while (in.next()) switch (in.tag()) {
      case kFirst:
        out.script = in.get_string();
        break;
      case kSecond:
        out.pid = in.get_int32();
        break;
      default:
        in.skip();
    }
  return out;
}

CriuVersion decode_version(pbf_reader in) {
  constexpr pbf_tag_type kSublevel = 4;
  CriuVersion out;
  while (in.next()) switch (in.tag()) {
      case kFirst:
        out.major = in.get_int32();
        break;
      case kSecond:
        out.minor = in.get_int32();
        break;
      case kSublevel:
        out.sublevel = in.get_int32();
        break;
      default:
        in.skip();
    }
  return out;
}

pid_t decode_restored(pbf_reader in) {
  pid_t pid = 0;
  while (in.next()) {
    if (in.tag() == kFirst)
      pid = in.get_int32();
    else
      in.skip();
  }
  return pid;
}

CriuAnswer decode_answer(pbf_reader in) {
  CriuAnswer out;
  while (in.next()) switch (in.tag()) {
      case resp::kType:
        out.call = static_cast<CriuCall>(in.get_enum());
        break;
      case resp::kSuccess:
        out.success = get_flag(in);
        break;
      case resp::kRestore:
        out.restored = decode_restored(in.get_message());
        break;
      case resp::kNotify:
        out.notification = decode_notification(in.get_message());
        break;
      case resp::kErrno:
        out.error = in.get_int32();
        break;
      case resp::kFeatures:
        out.features = decode_features(in.get_message());
        break;
      case resp::kMessage:
        out.message = in.get_string();
        break;
      case resp::kVersion:
        out.version = decode_version(in.get_message());
        break;
      default:
        in.skip();
    }
  return out;
}

}  // namespace

std::string_view criu_call_name(CriuCall call) {
  switch (call) {
    case CriuCall::kDump:
      return "dump";
    case CriuCall::kRestore:
      return "restore";
    case CriuCall::kPreDump:
      return "pre-dump";
    case CriuCall::kNotify:
      return "notify";
    case CriuCall::kFeatureCheck:
      return "feature check";
    case CriuCall::kVersion:
      return "version";
    case CriuCall::kEmpty:
      break;
  }
  return "request";
}

std::string encode_criu_request(const CriuRequest& request) {
  std::string bytes;
  pbf_writer out(bytes);
  out.add_enum(req::kType, static_cast<int32_t>(request.call));
  if (request.options) {
    pbf_writer options(out, req::kOpts);
    add_options(options, *request.options);
  }
  if (request.notify_success) out.add_bool(req::kNotifySuccess, *request.notify_success);
  if (request.features) {
    pbf_writer features(out, req::kFeatures);
    add_switch(features, kFirst, request.features->mem_track);
    add_switch(features, kSecond, request.features->lazy_pages);
  }
  return bytes;
}

CriuAnswer decode_criu_answer(std::string_view bytes) {
  try {
    return decode_answer(pbf_reader(bytes.data(), bytes.size()));
  } catch (const protozero::exception& error) {
    throw Error(ErrorKind::kSystem, "an answer of criu cannot be read: ", error.what());
  }
}

}  // namespace crunlite::runtime
