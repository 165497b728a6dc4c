// SPDX-License-Identifier: Apache-2.0
// What the kernel itself asks for a container: the system calls that the default `spec` bundle cannot do
// without, made by a static program that parses, checks and stores nothing. It is the unit of bench/startup,
// not a runtime: paths are trusted, nothing is undone on failure, errors end it.
//
//   floor run    --rootfs DIR --cgroup DIR… [--v2 DIR] [--filter FILE]      everything, until `true` has
//   ended floor create the same and --state DIR                                   until it waits; prints the
//   pid floor start  --state DIR floor delete --state DIR --cgroup DIR… [--v2 DIR] after it has ended
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace crunlite {
namespace {

using sys::Result;
using sys::Status;

void must(Status status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(status.error()));
  std::_Exit(1);
}
template <class T>
T must(Result<T> result, const char* what) {
  must(result.status(), what);
  return std::move(result.value());
}
void must_call(long result, const char* what) {
  must(result == -1 ? sys::fail() : sys::kOk, what);
}

struct Arguments {
  std::string rootfs;
  std::string state_dir;
  std::vector<std::string> v1;  // the container's directory in each hierarchy
  std::string v2;
  std::string filter;
};

// --- cgroups -----------------------------------------------------------------------------------------------
void write_file(const std::string& path, std::string_view value) {
  const UniqueFd file = must(sys::open_at(AT_FDCWD, path.c_str(), O_WRONLY), path.c_str());
  must(sys::write_all(file.get(), value), path.c_str());
}

std::string read_small(const std::string& path) {
  char buffer[256];
  const UniqueFd file = must(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY), path.c_str());
  return std::string(buffer, must(sys::read(file.get(), buffer, sizeof buffer), path.c_str()));
}

bool is_hierarchy(const std::string& dir, std::string_view name) {
  return dir.find("/" + std::string(name) + "/") != std::string::npos;
}

void make_cgroups(const Arguments& arguments) {
  for (const std::string& dir : arguments.v1) {
    must(sys::mkdir_at(AT_FDCWD, dir.c_str(), 0755), dir.c_str());
    const std::string parent = dir.substr(0, dir.rfind('/'));
    if (is_hierarchy(dir, "cpuset")) {  // a new one has neither processors nor memory, and refuses processes
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"})
        write_file(dir + file, read_small(parent + file));
    }
    if (is_hierarchy(dir, "devices")) {
      write_file(dir + "/devices.deny", "a");
      for (const char* rule : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:8 rwm", "c 1:7 rwm", "c 5:0 rwm",
                               "c 1:5 rwm", "c 1:9 rwm", "c 5:1 rwm", "c 136:* rwm", "c 5:2 rwm"})
        write_file(dir + "/devices.allow", rule);
    }
  }
  if (!arguments.v2.empty()) must(sys::mkdir_at(AT_FDCWD, arguments.v2.c_str(), 0755), arguments.v2.c_str());
}

void join_cgroups(const Arguments& arguments, pid_t pid) {
  const std::string number = std::to_string(pid);
  for (const std::string& dir : arguments.v1) write_file(dir + "/cgroup.procs", number);
}

void remove_cgroups(const Arguments& arguments) {
  for (const std::string& dir : arguments.v1)
    must(sys::unlink_at(AT_FDCWD, dir.c_str(), AT_REMOVEDIR), dir.c_str());
  if (!arguments.v2.empty())
    must(sys::unlink_at(AT_FDCWD, arguments.v2.c_str(), AT_REMOVEDIR), arguments.v2.c_str());
}

// --- the child: mounts -------------------------------------------------------------------------------------
struct Filesystem {
  const char* target;
  const char* type;
  unsigned long flags;
  const char* data;
};
constexpr unsigned long kNoAnything = MS_NOSUID | MS_NOEXEC | MS_NODEV;
constexpr Filesystem kFilesystems[] = {
    {"proc", "proc", 0, nullptr},
    {"dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
    {"dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"dev/shm", "tmpfs", kNoAnything, "mode=1777,size=65536k"},
    {"dev/mqueue", "mqueue", kNoAnything, nullptr},
    {"sys", "sysfs", kNoAnything | MS_RDONLY, nullptr},
};

constexpr struct {
  const char* path;
  unsigned major;
  unsigned minor;
} kDevices[] = {
    {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
    {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
};
constexpr struct {
  const char* target;
  const char* path;
} kLinks[] = {
    {"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
    {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"},
};
constexpr const char* kMasked[] = {
    "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
constexpr const char* kReadOnly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                     "/proc/sysrq-trigger"};

// A copy of `source` on `target`: the cheapest form there is (35 us here, against 60 for two calls of
// mount(2)).
void bind(const char* source, const char* target, uint64_t attributes, unsigned flags = 0) {
  const UniqueFd tree =
      must(sys::open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags), source);
  if (attributes) {
    const mount_attr change{.attr_set = attributes};
    must(sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH | flags, change), source);
  }
  must(sys::move_mount(tree.get(), "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), target);
}

void mount_cgroups(const Arguments& arguments) {
  constexpr uint64_t kAttributes =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (arguments.v1.empty()) {
    if (!arguments.v2.empty()) bind(arguments.v2.c_str(), "sys/fs/cgroup", kAttributes);
    return;
  }
  must(sys::mount("tmpfs", "sys/fs/cgroup", "tmpfs", kNoAnything, "mode=755"), "tmpfs on sys/fs/cgroup");
  for (const std::string& dir : arguments.v1) {
    // /sys/fs/cgroup/memory/…: the hierarchy's name is the fifth part.
    const size_t begin = std::strlen("/sys/fs/cgroup/");
    const std::string target = "sys/fs/cgroup/" + dir.substr(begin, dir.find('/', begin) - begin);
    must(sys::mkdir_at(AT_FDCWD, target.c_str(), 0755), target.c_str());
    bind(dir.c_str(), target.c_str(), kAttributes);
  }
  must(sys::mount(nullptr, "sys/fs/cgroup", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kNoAnything, nullptr),
       "remount sys/fs/cgroup");
}

void build_root(const Arguments& arguments) {
  ::umask(0);
  must(sys::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "make / a slave");
  bind(arguments.rootfs.c_str(), arguments.rootfs.c_str(), 0, AT_RECURSIVE);
  must_call(::chdir(arguments.rootfs.c_str()), "chdir");
  for (const Filesystem& fs : kFilesystems) {
    if (std::string_view(fs.target).starts_with("dev/"))
      must(sys::mkdir_at(AT_FDCWD, fs.target, 0755), fs.target);
    must(sys::mount(fs.type, fs.target, fs.type, fs.flags, fs.data), fs.target);
  }
  mount_cgroups(arguments);
  for (const auto& device : kDevices) {
    must(sys::mknod_at(AT_FDCWD, device.path, S_IFCHR | 0666, makedev(device.major, device.minor)),
         device.path);
  }
  for (const auto& link : kLinks) must(sys::symlink_at(link.target, AT_FDCWD, link.path), link.path);
}

void enter_root() {
  must(sys::pivot_root(".", "."), "pivot_root");
  must(sys::umount(".", MNT_DETACH), "detach the old root");
  must_call(::chdir("/"), "chdir /");
  for (const char* path : kReadOnly) {
    if (sys::stat_at(AT_FDCWD, path, 0).ok()) bind(path, path, MOUNT_ATTR_RDONLY, AT_RECURSIVE);
  }
  const char* empty = nullptr;
  for (const char* path : kMasked) {
    const Result<struct stat> st = sys::stat_at(AT_FDCWD, path, 0);
    if (!st.ok()) continue;
    if (!S_ISDIR(st->st_mode)) {
      bind("/dev/null", path, 0);
    } else if (empty) {
      bind(empty, path, 0);
    } else {
      must(sys::mount("tmpfs", path, "tmpfs", kNoAnything | MS_RDONLY, "nr_blocks=1,nr_inodes=1"), path);
      empty = path;
    }
  }
  must(sys::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), "remount / read-only");
}

// --- the child: the process --------------------------------------------------------------------------------
void bring_loopback_up() {
  const UniqueFd socket = must(sys::socket(AF_INET, SOCK_DGRAM, 0), "socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  must_call(::ioctl(socket.get(), SIOCSIFFLAGS, &request), "bring lo up");
}

void drop_privileges() {
  constexpr uint64_t kKept = 1ULL << CAP_AUDIT_WRITE | 1ULL << CAP_KILL | 1ULL << CAP_NET_BIND_SERVICE;
  for (unsigned cap = 0; cap <= CAP_LAST_CAP; ++cap) {
    if (!(kKept >> cap & 1)) must_call(::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "drop a capability");
  }
  must_call(::syscall(SYS_setgroups, 0, nullptr), "setgroups");
  must_call(::syscall(SYS_setresgid, 0, 0, 0), "setresgid");
  must_call(::syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  constexpr auto kLow = static_cast<uint32_t>(kKept);
  constexpr auto kHigh = static_cast<uint32_t>(kKept >> 32);
  const __user_cap_data_struct data[2] = {{kLow, kLow, 0}, {kHigh, kHigh, 0}};
  must_call(::syscall(SYS_capset, &header, data), "capset");
  must_call(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

void load_filter(const std::vector<sock_filter>& filter) {
  if (filter.empty()) return;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  must_call(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

struct Plan {
  Arguments arguments;
  std::vector<sock_filter> filter;
  int channel = -1;  // the child's end
  int gate = -1;     // a listening socket, or -1: the start comes over the channel
};

void wait_for_start(const Plan& plan) {
  char byte = 0;
  if (plan.gate < 0) {
    must(sys::read(plan.channel, &byte, 1).status(), "read start");
    return;
  }
  const int connection = ::accept4(plan.gate, nullptr, nullptr, SOCK_CLOEXEC);
  must_call(connection, "accept");
  must(sys::read(connection, &byte, 1).status(), "read start");
}

[[noreturn]] void child(const Plan& plan) {
  char byte = 0;
  must(sys::read(plan.channel, &byte, 1).status(), "read go");
  must(sys::set_dumpable(false), "dumpable");
  must_call(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "floor"), "session keyring");
  must_call(::setsid(), "setsid");
  bring_loopback_up();
  must_call(::sethostname("floor", 5), "hostname");
  build_root(plan.arguments);
  enter_root();
  const rlimit files{1024, 1024};
  must_call(::setrlimit(RLIMIT_NOFILE, &files), "rlimit");
  drop_privileges();
  load_filter(plan.filter);
  must(sys::write_all(plan.channel, "r"), "ready");
  wait_for_start(plan);
  must(sys::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
  const char* argv[] = {"/bin/true", nullptr};
  const char* envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
                        nullptr};
  ::execve(argv[0], const_cast<char**>(argv), const_cast<char**>(envp));
  must(sys::fail(), "execve /bin/true");
  std::_Exit(1);
}

// --- the parent --------------------------------------------------------------------------------------------
std::vector<sock_filter> read_filter(const std::string& path) {
  std::vector<sock_filter> filter;
  if (path.empty()) return filter;
  const UniqueFd file = must(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY), path.c_str());
  const struct stat st = must(sys::fstat(file.get()), path.c_str());
  filter.resize(static_cast<size_t>(st.st_size) / sizeof(sock_filter));
  must(sys::read(file.get(), filter.data(), filter.size() * sizeof(sock_filter)).status(), path.c_str());
  return filter;
}

struct Started {
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd channel;
};

Started start_child(Plan& plan) {
  make_cgroups(plan.arguments);
  sys::SocketPair channel = must(sys::socket_pair(SOCK_SEQPACKET), "socketpair");
  plan.channel = channel.second.get();
  int pidfd = -1;
  UniqueFd cgroup;
  clone_args args{};
  args.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (!plan.arguments.v2.empty()) {
    cgroup = must(sys::open_at(AT_FDCWD, plan.arguments.v2.c_str(), O_PATH | O_DIRECTORY), "open the cgroup");
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(cgroup.get());
  }
  const pid_t pid = must(sys::clone3(args), "clone3");
  if (pid == 0) child(plan);
  Started started{pid, UniqueFd(pidfd), std::move(channel.first)};
  join_cgroups(plan.arguments, pid);
  must(sys::write_all(started.channel.get(), "g"), "go");
  char byte = 0;
  if (must(sys::read(started.channel.get(), &byte, 1), "read ready") != 1) std::_Exit(1);
  return started;
}

sockaddr_un gate_address(const std::string& state_dir) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = state_dir + "/start.sock";
  if (path.size() < sizeof address.sun_path) std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int run(Plan& plan) {
  const Started started = start_child(plan);
  must(sys::write_all(started.channel.get(), "s"), "start");
  const sys::Exit exit = must(sys::wait_pidfd(started.pidfd.get()), "wait");
  remove_cgroups(plan.arguments);
  return exit.shell_code();
}

int create(Plan& plan) {
  const UniqueFd gate = must(sys::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  const sockaddr_un address = gate_address(plan.arguments.state_dir);
  must(sys::mkdir_at(AT_FDCWD, plan.arguments.state_dir.c_str(), 0700), "make the state directory");
  must_call(::bind(gate.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  must_call(::listen(gate.get(), 1), "listen");
  plan.gate = gate.get();
  const Started started = start_child(plan);
  std::printf("%d\n", started.pid);
  return 0;
}

int start(const Arguments& arguments) {
  const UniqueFd socket = must(sys::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  const sockaddr_un address = gate_address(arguments.state_dir);
  must_call(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  must(sys::write_all(socket.get(), "s"), "start");
  char byte = 0;
  must(sys::read(socket.get(), &byte, 1).status(), "wait for execve");  // the other end closes with it
  return 0;
}

int remove(const Arguments& arguments) {
  remove_cgroups(arguments);
  must(sys::unlink_at(AT_FDCWD, (arguments.state_dir + "/start.sock").c_str()), "remove the gate");
  must(sys::unlink_at(AT_FDCWD, arguments.state_dir.c_str(), AT_REMOVEDIR), "remove the state directory");
  return 0;
}

int usage() {
  std::fprintf(stderr,
               "usage: floor run|create|start|delete --rootfs DIR --state DIR --cgroup DIR… --v2 DIR "
               "--filter FILE\n");
  return 2;
}

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 2; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) return false;
    if (name == "--cgroup")
      arguments.v1.emplace_back(argv[i + 1]);
    else if (name == "--rootfs")
      arguments.rootfs = argv[i + 1];
    else if (name == "--state")
      arguments.state_dir = argv[i + 1];
    else if (name == "--v2")
      arguments.v2 = argv[i + 1];
    else if (name == "--filter")
      arguments.filter = argv[i + 1];
    else
      return false;
  }
  return true;
}

int main_of(int argc, char** argv) {
  Plan plan;
  if (argc < 2 || !parse(argc, argv, plan.arguments)) return usage();
  const std::string_view verb = argv[1];
  plan.filter = read_filter(plan.arguments.filter);
  if (verb == "run") return run(plan);
  if (verb == "create") return create(plan);
  if (verb == "start") return start(plan.arguments);
  if (verb == "delete") return remove(plan.arguments);
  return usage();
}

}  // namespace
}  // namespace crunlite

int main(int argc, char** argv) {
  return crunlite::main_of(argc, argv);
}
