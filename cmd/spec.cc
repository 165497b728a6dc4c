// SPDX-License-Identifier: Apache-2.0
// `spec`: a config.json to start from, the same container as runc's.
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sys.h"
#include "cmd/grammar.h"
#include "cmd/verbs.h"
#include "oci/codec.h"

namespace crunlite::cmd {
namespace {

using oci::NamespaceType;

oci::Process default_process() {
  const std::vector<std::string> kept{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {.terminal = true,
          .args = {"sh"},
          .env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
          .cwd = "/",
          .capabilities = oci::Capabilities{.bounding = kept, .effective = kept, .permitted = kept},
          .rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}},
          .no_new_privileges = true};
}

std::vector<oci::Mount> default_mounts() {
  return {
      {"/proc", "proc", "proc", {}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
  };
}

bool only_cgroup_v2() {
  const sys::Result<UniqueFd> root = sys::open_at(AT_FDCWD, "/sys/fs/cgroup", O_PATH | O_DIRECTORY);
  if (!root.ok()) return false;
  const sys::Result<struct statfs> fs = sys::fstatfs(root->get());
  return fs.ok() && fs->f_type == CGROUP2_SUPER_MAGIC;
}

oci::Spec default_spec() {
  oci::Spec spec{.oci_version = "1.3.0",
                 .root = {.path = "rootfs", .readonly = true},
                 .mounts = default_mounts(),
                 .process = default_process(),
                 .hostname = "crun-lite"};
  spec.linux.resources.devices = {{.allow = false, .access = "rwm"}};
  for (const NamespaceType type : {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kIpc,
                                   NamespaceType::kUts, NamespaceType::kMount})
    spec.linux.namespaces.push_back({.type = type});
  // As with runc: scripts that edit its document add a cgroup namespace on v1 and would have two.
  if (only_cgroup_v2()) spec.linux.namespaces.push_back({.type = NamespaceType::kCgroup});
  spec.linux.masked_paths = {
      "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  spec.linux.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

// What somebody without privileges may ask for: one mapped user, the host's network, no limits.
void make_rootless(oci::Spec& spec) {
  std::erase_if(spec.linux.namespaces, [](const auto& n) { return n.type == NamespaceType::kNetwork; });
  spec.linux.namespaces.push_back({.type = NamespaceType::kUser});
  spec.linux.uid_mappings = {{.container_id = 0, .host_id = ::geteuid(), .size = 1}};
  spec.linux.gid_mappings = {{.container_id = 0, .host_id = ::getegid(), .size = 1}};
  spec.linux.resources = {};
  std::erase_if(spec.mounts, [](const oci::Mount& m) { return m.destination == "/sys/fs/cgroup"; });
  for (oci::Mount& mount : spec.mounts) {
    std::erase(mount.options, "gid=5");  // not mapped
    // sysfs needs the network namespace to be ours.
    if (mount.destination == "/sys")
      mount = {"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}};
  }
}

}  // namespace

int spec(const Globals&, const Args& args) {
  Grammar grammar("crun-lite spec", "Write a config.json to start from");
  std::string bundle = ".";
  std::string file = "config.json";
  bool rootless = false;
  grammar.option("-b,--bundle", bundle, "DIR", "directory to write it to (default: the current one)");
  grammar.option("-f,--file", file, "NAME", "its name (default: config.json)");
  grammar.flag("--rootless", rootless, "for a user without privileges");
  if (!grammar.read(args)) return 0;
  oci::Spec document = default_spec();
  if (rootless) make_rootless(document);
  const UniqueFd dir =
      check(sys::open_at(AT_FDCWD, bundle.c_str(), O_PATH | O_DIRECTORY), "open directory ", bundle);
  if (sys::stat_at(dir.get(), file.c_str(), AT_SYMLINK_NOFOLLOW).ok())
    throw Error(ErrorKind::kExists, "file ", file, " exists. Remove it first");
  const std::string text = json::dump(oci::encode_spec(document), json::Style::kIndented) + "\n";
  write_file_atomic(dir.get(), file, text, 0644, Durability::kRename);
  return 0;
}

}  // namespace crunlite::cmd
