// SPDX-License-Identifier: Apache-2.0
// The runtime-spec's config.json (v1.3.0) as plain structs: what a container is to be, before anybody has
// looked at the machine. No system calls, no defaults beyond the specification's own. `optional` stands only
// where the spec gives absence a meaning of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crunlite::oci {

// --- config.md ---------------------------------------------------------------------------------------------
struct Root {
  std::string path;  // absolute, or relative to the bundle
  bool readonly = false;
};

struct IdMapping {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
};

struct ConsoleSize {
  uint16_t height = 0;
  uint16_t width = 0;
};

struct User {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additional_gids;
};

struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
};

struct Rlimit {
  std::string type;  // RLIMIT_*
  uint64_t soft = 0;
  uint64_t hard = 0;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Capabilities> capabilities;  // absent: the caller's are left alone
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile;
  std::string selinux_label;
  // Members that are known to the specification and not to this build ("scheduler"): refused, see Resources.
  std::vector<std::string> unsupported;
};

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<int> timeout;  // seconds
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

// --- config-linux.md ---------------------------------------------------------------------------------------
enum class NamespaceType { kPid, kNetwork, kMount, kIpc, kUts, kUser, kCgroup, kTime };

struct Namespace {
  NamespaceType type = NamespaceType::kPid;
  std::string path;  // empty: a new one
};

struct TimeOffset {
  int64_t secs = 0;
  uint32_t nanosecs = 0;
};

enum class DeviceType { kCharacter, kBlock, kFifo };

struct Device {
  DeviceType type = DeviceType::kCharacter;
  std::string path;
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint32_t> file_mode;
  uint32_t uid = 0;
  uint32_t gid = 0;
};

struct DeviceRule {
  bool allow = false;
  char type = 'a';               // a, b, c
  std::optional<int64_t> major;  // absent: any
  std::optional<int64_t> minor;
  std::string access;  // of r, w, m
};

struct MemoryResources {
  std::optional<int64_t> limit;        // bytes, -1: unlimited
  std::optional<int64_t> reservation;  // bytes
  std::optional<int64_t> swap;         // memory + swap, bytes
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  std::optional<bool> use_hierarchy;
  std::optional<bool> check_before_update;
};

struct CpuResources {
  std::optional<uint64_t> shares;
  std::optional<int64_t> quota;    // microseconds per period, -1: none
  std::optional<uint64_t> period;  // microseconds
  std::optional<uint64_t> burst;
  std::optional<int64_t> realtime_runtime;
  std::optional<uint64_t> realtime_period;
  std::optional<int64_t> idle;
  std::string cpus;
  std::string mems;
};

struct Resources {
  std::vector<DeviceRule> devices;
  MemoryResources memory;
  CpuResources cpu;
  std::optional<int64_t> pids_limit;  // -1: unlimited
  std::map<std::string, std::string> unified;
  // Controllers that this build does not set yet, by their name in the document ("blockIO", "rdma"); the
  // runtime refuses them rather than starting a container with less than was asked for.
  std::vector<std::string> unsupported;
};

enum class SeccompAction { kKill, kKillProcess, kKillThread, kTrap, kErrno, kTrace, kAllow, kLog, kNotify };
enum class SeccompOperator {
  kNotEqual,
  kLess,
  kLessOrEqual,
  kEqual,
  kGreaterOrEqual,
  kGreater,
  kMaskedEqual
};

struct SeccompArg {
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  SeccompOperator op = SeccompOperator::kEqual;
};

struct SeccompRule {
  std::vector<std::string> names;
  SeccompAction action = SeccompAction::kErrno;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  SeccompAction default_action = SeccompAction::kErrno;
  std::optional<uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // SCMP_ARCH_*
  std::vector<std::string> flags;          // SECCOMP_FILTER_FLAG_*
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompRule> rules;
};

enum class Personality { kLinux, kLinux32 };

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::optional<TimeOffset> monotonic_offset;
  std::optional<TimeOffset> boottime_offset;
  std::vector<Device> devices;
  std::string cgroups_path;
  Resources resources;
  std::string rootfs_propagation;  // "", shared, slave, private, unbindable
  std::optional<Seccomp> seccomp;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::map<std::string, std::string> sysctl;
  std::optional<Personality> personality;
  // Members that are known to the specification and not to this build ("intelRdt"): refused, as above.
  std::vector<std::string> unsupported;
};

struct Spec {
  std::string oci_version;
  Root root;
  std::vector<Mount> mounts;
  std::optional<Process> process;  // may be absent until start
  std::string hostname;
  std::string domainname;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux;
};

}  // namespace crunlite::oci
