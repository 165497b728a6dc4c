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

#include "oci/resources.h"
#include "oci/seccomp.h"

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

// The values of these four are the kernel's: sched(7), sched_setattr(2), ioprio_set(2), set_mempolicy(2).
enum class SchedulerPolicy : uint32_t { kOther, kFifo, kRoundRobin, kBatch, kIso, kIdle, kDeadline };
enum class SchedulerFlag : uint64_t {
  kResetOnFork = 0x01,
  kReclaim = 0x02,
  kDeadlineOverrun = 0x04,
  kKeepPolicy = 0x08,
  kKeepParameters = 0x10,
  kUtilClampMin = 0x20,
  kUtilClampMax = 0x40,
};
enum class IoPriorityClass : int { kRealTime = 1, kBestEffort = 2, kIdle = 3 };
enum class MemoryPolicyMode : int {
  kDefault,
  kPreferred,
  kBind,
  kInterleave,
  kLocal,
  kPreferredMany,
  kWeightedInterleave,
};
enum class MemoryPolicyFlag : int {
  kNumaBalancing = 1 << 13,
  kRelativeNodes = 1 << 14,
  kStaticNodes = 1 << 15,
};

struct Scheduler {
  SchedulerPolicy policy = SchedulerPolicy::kOther;
  int32_t nice = 0;
  int32_t priority = 0;
  std::vector<SchedulerFlag> flags;
  uint64_t runtime = 0;  // this and the next two in nanoseconds, for kDeadline
  uint64_t deadline = 0;
  uint64_t period = 0;
};

struct IoPriority {
  IoPriorityClass io_class = IoPriorityClass::kBestEffort;
  int32_t priority = 0;  // 0 … 7, 0 comes first
};

// Lists of CPUs ("0-3,7"), for processes of `exec` only: before they are in the container's cgroup, and then.
struct CpuAffinity {
  std::string initial;
  std::string final;
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
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
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

struct IntelRdt {
  std::string clos_id;          // empty: the container's id; "/": the root class
  std::string l3_cache_schema;  // "L3:0=f;1=f", also several lines
  std::string mem_bw_schema;    // "MB:0=20"
  std::vector<std::string> schemata;
  bool enable_monitoring = false;
};

struct NetDevice {
  std::string name;  // in the container, may end in %d; empty: as on the host
};

enum class Personality { kLinux, kLinux32 };

struct MemoryPolicy {
  MemoryPolicyMode mode = MemoryPolicyMode::kDefault;
  std::string nodes;  // "0-3,7"
  std::vector<MemoryPolicyFlag> flags;
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::optional<TimeOffset> monotonic_offset;
  std::optional<TimeOffset> boottime_offset;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  // by their names on the host
  std::string cgroups_path;
  Resources resources;
  std::string rootfs_propagation;  // "", shared, slave, private, unbindable, or one of these with an r
  std::optional<Seccomp> seccomp;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::map<std::string, std::string> sysctl;
  std::optional<Personality> personality;
  std::optional<IntelRdt> intel_rdt;
  std::optional<MemoryPolicy> memory_policy;
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
