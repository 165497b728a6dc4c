// SPDX-License-Identifier: Apache-2.0
// What a container's process finds when it starts, seen from inside.
#include "tests/kernel/init_fixture.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include "runtime/start_gate.h"

namespace crunlite::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(InitTest, RunsAProgramAndGivesItsExitStatus) {
  const Ran ran = run(default_spec("echo hello; exit 7"));
  EXPECT_EQ(ran.output, "hello\n");
  EXPECT_EQ(ran.exit.shell_code(), 7);
}

TEST_F(InitTest, NewNamespacesAreNotTheHosts) {
  const std::string inside = output_of(
      default_spec("for n in pid net mnt ipc uts cgroup; do readlink /proc/self/ns/$n; done; echo $$"));
  for (const char* name : {"pid", "net", "mnt", "ipc", "uts", "cgroup"}) {
    const std::string own = std::filesystem::read_symlink(std::string("/proc/self/ns/") + name);
    EXPECT_THAT(inside, Not(HasSubstr(own))) << name;
  }
  EXPECT_TRUE(inside.ends_with("\n1\n")) << inside;
}

TEST_F(InitTest, TheLoopbackDeviceOfANewNetworkIsUp) {
  const Ran ran = run(default_spec("cat /sys/class/net/lo/flags"));
  EXPECT_EQ(ran.output, "0x9\n");  // IFF_UP | IFF_LOOPBACK
}

TEST_F(InitTest, MountsHaveTheirFlags) {
  oci::Spec spec = default_spec("cat /proc/self/mountinfo");
  spec.mounts.push_back({"/data/new", "bind", victim_, {"rbind", "ro", "nosuid", "noexec", "rprivate"}});
  spec.mounts.push_back({"/etc/file", "bind", victim_ + "/sentinel", {"bind", "nodev"}});
  const std::string mounts = output_of(spec);
  EXPECT_THAT(mounts, ContainsRegex(" /proc rw,nosuid,nodev,noexec,relatime - proc "));
  EXPECT_THAT(mounts, ContainsRegex(" /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755"));
  EXPECT_THAT(mounts, ContainsRegex(" /dev/pts rw,nosuid,noexec,relatime - devpts "));
  EXPECT_THAT(mounts, ContainsRegex(" /sys ro,nosuid,nodev,noexec,relatime - sysfs "));
  EXPECT_THAT(mounts, ContainsRegex("/victim /data/new ro,nosuid,noexec"));
  EXPECT_THAT(mounts, ContainsRegex("/victim/sentinel /etc/file rw,nodev"));
  EXPECT_THAT(mounts, Not(HasSubstr(" - cgroup")));
  // Nothing of the host is left but what was asked for.
  EXPECT_THAT(mounts, Not(ContainsRegex("[0-9]+:[0-9]+ [^ ]+ /tmp/init-test")))
      << "a mount point of the host";
}

TEST_F(InitTest, TheHostSeesNoMountOfTheContainer) {
  const std::string before = read("/proc/self/mountinfo");
  for (const char* propagation : {"", "shared", "rshared", "slave", "private", "unbindable"}) {
    oci::Spec spec = default_spec("true");
    spec.linux.rootfs_propagation = propagation;
    EXPECT_EQ(error_of(spec), "ran: ") << propagation;
  }
  EXPECT_EQ(read("/proc/self/mountinfo"), before);
}

TEST_F(InitTest, DevicesAndLinksAreThere) {
  const std::string list =
      output_of(default_spec("cd /dev; stat -c '%n %t:%T %a %F' null zero full random urandom tty; for l in "
                             "fd stdin stdout stderr ptmx; do readlink $l; done"));
  EXPECT_THAT(list, HasSubstr("null 1:3 666 character special file"));
  EXPECT_THAT(list, HasSubstr("urandom 1:9 666"));
  EXPECT_THAT(list, HasSubstr("tty 5:0 666"));
  EXPECT_THAT(list,
              HasSubstr("/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"));
}

TEST_F(InitTest, ADeviceOfTheSpecIsMade) {
  oci::Spec spec = default_spec("stat -c '%t:%T %a %u %g %F' /dev/sub/loop");
  spec.linux.devices.push_back({oci::DeviceType::kBlock, "/dev/sub/loop", 7, 3, 0640, 5, 6});
  EXPECT_EQ(output_of(spec), "7:3 640 5 6 block special file\n");
}

TEST_F(InitTest, AnotherFileInADevicesPlaceIsRefused) {
  oci::Spec spec = default_spec("true");
  spec.mounts.erase(spec.mounts.begin() + 1, spec.mounts.begin() + 5);
  write(rootfs_ + "/dev/null", "mine");
  EXPECT_THAT(error_of(spec), StartsWith("create device /dev/null (something else is there): File exists"));
}

TEST_F(InitTest, MaskedPathsAreEmptyAndReadOnlyOnesAreNotWritable) {
  const std::string seen = output_of(default_spec(
      "wc -c < /proc/keys; ls /sys/firmware | wc -l; stat -c %t:%T /proc/keys; touch /sys/firmware/x 2>&1;"
      "echo 1 > /proc/sys/kernel/domainname; echo end"));
  EXPECT_THAT(seen, StartsWith("0\n0\n1:3\n"));
  EXPECT_THAT(seen, HasSubstr("Read-only file system"));
}

TEST_F(InitTest, TheRootCanBeReadOnlyWhileItsMountsAreNot) {
  oci::Spec spec = default_spec("touch /x 2>&1; touch /dev/shm/ok /dev/ok && echo written");
  spec.root.readonly = true;
  EXPECT_THAT(output_of(spec), AllOf(HasSubstr("Read-only file system"), HasSubstr("written")));
}

TEST_F(InitTest, AReadOnlyTmpfsStillGetsItsMountPoints) {
  oci::Spec spec = default_spec("ls /t; touch /t/x 2>&1; grep ' /t ' /proc/self/mountinfo");
  spec.mounts.push_back({"/t", "tmpfs", "tmpfs", {"ro"}});
  spec.mounts.push_back({"/t/inner", "tmpfs", "tmpfs", {}});
  EXPECT_THAT(output_of(spec), AllOf(StartsWith("inner\n"), HasSubstr("Read-only"), HasSubstr(" /t ro,")));
}

TEST_F(InitTest, TmpCopyUpStartsWithWhatItHides) {
  std::filesystem::create_directories(rootfs_ + "/seed/dir");
  write(rootfs_ + "/seed/dir/file", "content");
  std::filesystem::create_symlink("dir/file", rootfs_ + "/seed/link");
  oci::Spec spec = default_spec(
      "cat /seed/link; echo; grep -c ' /seed .* - tmpfs' /proc/self/mountinfo; echo new > /seed/n");
  spec.mounts.push_back({"/seed", "tmpfs", "tmpfs", {"tmpcopyup"}});
  EXPECT_EQ(output_of(spec), "content\n1\n");
  EXPECT_FALSE(std::filesystem::exists(rootfs_ + "/seed/n"));
}

TEST_F(InitTest, RecursiveReadOnlyReachesSubmounts) {
  const std::string sub = victim_ + "-tree";
  std::filesystem::create_directories(sub + "/inner");
  ASSERT_EQ(::mount("tmpfs", (sub + "/inner").c_str(), "tmpfs", 0, nullptr), 0);
  oci::Spec spec = default_spec("touch /m/inner/x 2>&1; echo; touch /n/inner/x && echo writable");
  spec.mounts.push_back({"/m", "bind", sub, {"rbind", "rro"}});
  spec.mounts.push_back({"/n", "bind", sub, {"rbind", "ro"}});
  const std::string seen = error_of(spec);
  ::umount2((sub + "/inner").c_str(), MNT_DETACH);
  EXPECT_THAT(seen, AllOf(HasSubstr("Read-only file system"), HasSubstr("writable")));
}

TEST_F(InitTest, CapabilitiesAreExactlyTheGivenOnes) {
  oci::Spec spec = default_spec("grep -E '^(Cap|NoNewPrivs|Uid|Gid|Groups)' /proc/self/status");
  spec.process->capabilities.emplace();
  spec.process->capabilities->bounding = {"CAP_CHOWN", "CAP_KILL"};
  spec.process->capabilities->permitted = {"CAP_CHOWN", "CAP_KILL"};
  spec.process->capabilities->effective = {"CAP_CHOWN", "CAP_KILL"};
  spec.process->no_new_privileges = true;
  EXPECT_THAT(
      output_of(spec),
      AllOf(HasSubstr("CapInh:\t0000000000000000"), HasSubstr("CapPrm:\t0000000000000021"),
            HasSubstr("CapEff:\t0000000000000021"), HasSubstr("CapBnd:\t0000000000000021"),
            HasSubstr("CapAmb:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"), HasSubstr("Groups:\t \n")));
}

TEST_F(InitTest, AnotherUserWithAmbientCapabilities) {
  oci::Spec spec =
      default_spec("grep -E '^(Cap|Uid|Gid|Groups|SigIgn|SigBlk)' /proc/self/status; umask; env");
  spec.process->user = {1000, 1001, 027, {5, 6}};
  spec.process->capabilities.emplace();
  for (auto* list : {&spec.process->capabilities->bounding, &spec.process->capabilities->permitted,
                     &spec.process->capabilities->effective, &spec.process->capabilities->inheritable,
                     &spec.process->capabilities->ambient})
    *list = {"CAP_NET_BIND_SERVICE"};
  EXPECT_THAT(output_of(spec),
              AllOf(HasSubstr("Uid:\t1000\t1000\t1000\t1000"), HasSubstr("Gid:\t1001\t1001\t1001\t1001"),
                    HasSubstr("Groups:\t5 6"), HasSubstr("CapEff:\t0000000000000400"),
                    HasSubstr("CapAmb:\t0000000000000400"), HasSubstr("SigIgn:\t0000000000000000"),
                    HasSubstr("SigBlk:\t0000000000000000"), HasSubstr("0027"), HasSubstr("HOME=/home/user")));
}

TEST_F(InitTest, NoDescriptorOfTheHostIsOpen) {
  const UniqueFd leaked(::open("/etc", O_RDONLY | O_DIRECTORY));  // lint-allow(open): inheritable on purpose
  EXPECT_EQ(output_of(default_spec("ls /proc/self/fd")), "0\n1\n2\n3\n");  // 3 is ls's own
}

TEST_F(InitTest, PreservedDescriptorsStayAndMissingOnesAreAnError) {
  PlanInputs in = inputs();
  in.preserve_fds = 60;
  EXPECT_THROW(run(default_spec("true"), in, {}), Error);
  in.preserve_fds = in.listen_fds = 1;
  const UniqueFd three(::dup2(1, 3));
  const Ran ran = run(default_spec("ls /proc/self/fd; env"), in, {});
  EXPECT_THAT(ran.output, AllOf(StartsWith("0\n1\n2\n3\n4\n"), HasSubstr("\nLISTEN_FDS=1\n"),
                                HasSubstr("\nLISTEN_PID=1\n")));
}

TEST_F(InitTest, LimitsNamesAndPersonality) {
  oci::Spec spec = default_spec(
      "ulimit -n; hostname; cat /proc/sys/kernel/domainname; cat /proc/sys/net/ipv4/ip_forward; cat "
      "/proc/self/personality");
  spec.process->rlimits = {{"RLIMIT_NOFILE", 10, 20}};
  spec.hostname = "box";
  spec.domainname = "example.org";
  spec.linux.sysctl = {{"net.ipv4.ip_forward", "1"}};
  spec.linux.personality = oci::Personality::kLinux32;
  EXPECT_EQ(output_of(spec), "10\nbox\nexample.org\n1\n00000008\n");
}

TEST_F(InitTest, TimeOffsets) {
  oci::Spec spec = default_spec("read up rest < /proc/uptime; echo ${up%.*}");
  spec.linux.namespaces.push_back({oci::NamespaceType::kTime, ""});
  spec.linux.boottime_offset = oci::TimeOffset{1'000'000, 0};
  EXPECT_GT(std::stol(output_of(spec)), 1'000'000);
}

TEST_F(InitTest, SeccompIsLoadedWithAndWithoutNoNewPrivileges) {
  for (const bool no_new_privileges : {false, true}) {
    oci::Spec spec = default_spec("grep -E '^(Seccomp|CapEff)' /proc/self/status");
    spec.process->no_new_privileges = no_new_privileges;
    spec.process->user.uid = 1000;
    spec.process->capabilities.emplace();
    PlanInputs in = inputs();
    in.seccomp.instructions = {BPF_STMT(BPF_RET | BPF_K, 0x7fff0000U)};  // SECCOMP_RET_ALLOW
    const Ran ran = run(spec, in, {});
    EXPECT_THAT(ran.output, AllOf(HasSubstr("Seccomp:\t2"), HasSubstr("CapEff:\t0000000000000000")))
        << no_new_privileges;
  }
}

TEST_F(InitTest, UserNamespaceWithMappedIds) {
  oci::Spec spec = default_spec(
      "cat /proc/self/uid_map; id -u; stat -c %u /bin/busybox; stat -c %t:%T /dev/null; touch /dev/shm/x && "
      "stat -c %u /dev/shm/x; cat /v/sentinel");
  spec.linux.namespaces.push_back({oci::NamespaceType::kUser, ""});
  spec.linux.uid_mappings = spec.linux.gid_mappings = {{0, 100000, 65536}};
  spec.mounts.push_back({"/v", "bind", victim_, {"rbind", "ro"}});
  for (const auto& entry : std::filesystem::recursive_directory_iterator(rootfs_))
    ASSERT_EQ(::lchown(entry.path().c_str(), 100000, 100000), 0);
  ASSERT_EQ(::lchown(rootfs_.c_str(), 100000, 100000), 0);
  std::filesystem::permissions(victim_, std::filesystem::perms(0755));
  std::filesystem::permissions(top_, std::filesystem::perms(0700));  // the child itself could not walk there
  const std::string seen = output_of(spec);
  EXPECT_THAT(seen, ContainsRegex("0 +100000 +65536\n0\n0\n1:3\n0\nuntouched\n"));
}

TEST_F(InitTest, JoinsNamespacesByPathAlsoTheUserNamespace) {
  oci::Spec first = default_spec("sleep 100");
  first.linux.namespaces.push_back({oci::NamespaceType::kUser, ""});
  first.linux.uid_mappings = first.linux.gid_mappings = {{0, 0, 65536}};
  Planned planned = build_plan(first, inputs());
  open_plan_resources(first, planned.plan);
  const Proc proc = check(Proc::open(), "open proc");
  SpawnedInit init = spawn_init(planned.plan, {.proc = &proc});
  const std::string ns = cat("/proc/", init.pid(), "/ns/");
  oci::Spec second =
      default_spec("for n in net user pid mnt; do readlink /proc/self/ns/$n; done; echo pid $$");
  using enum oci::NamespaceType;
  second.linux.namespaces = {
      {kNetwork, ns + "net"}, {kUser, ns + "user"}, {kPid, ""}, {kMount, ""}, {kIpc, ""}};
  const std::string seen = error_of(second);
  for (const char* name : {"net", "user"})
    EXPECT_THAT(seen, HasSubstr(std::filesystem::read_symlink(ns + name).string())) << name;
  for (const char* name : {"pid", "mnt"})
    EXPECT_THAT(seen, Not(HasSubstr(std::filesystem::read_symlink(ns + name).string()))) << name;
  EXPECT_THAT(seen, HasSubstr("pid 1\n"));

  oci::Spec third = default_spec("readlink /proc/self/ns/pid; ls /proc | grep -c '^1$'");
  third.linux.namespaces = {{kPid, ns + "pid"}, {kMount, ""}};
  EXPECT_THAT(error_of(third), HasSubstr(std::filesystem::read_symlink(ns + "pid").string()));
  EXPECT_NE(std::filesystem::read_symlink("/proc/self/ns/pid_for_children"),
            std::filesystem::read_symlink(ns + "pid"));
}

TEST_F(InitTest, IdMappedMount) {
  ASSERT_EQ(::lchown((victim_ + "/sentinel").c_str(), 7, 7), 0);
  oci::Spec spec = default_spec("stat -c %u:%g /v/sentinel");
  spec.mounts.push_back({"/v", "bind", victim_, {"bind", "idmap"}, {{0, 1000, 100}}, {{0, 2000, 100}}});
  const std::string seen = error_of(spec);
  if (seen.find("map the ids") != std::string::npos) GTEST_SKIP() << seen;
  EXPECT_EQ(seen, "ran: 1007:2007\n");
}

TEST_F(InitTest, TheTerminalIsTheContainersOwn) {
  oci::Spec spec = default_spec(
      "tty; stat -c %t /dev/console; test -t 0 && test -t 1 && echo terminal; stat -c %u $(tty); read line; "
      "echo got $line");
  spec.process->terminal = true;
  spec.process->console_size = {33, 44};
  UniqueFd master;
  PlanInputs in = inputs();
  Planned planned = build_plan(spec, in);
  open_plan_resources(spec, planned.plan);
  const Proc proc = check(Proc::open(), "open proc");
  SpawnedInit init = spawn_init(
      planned.plan, {.proc = &proc, .receive_console = [&](UniqueFd fd) { master = std::move(fd); }});
  ASSERT_TRUE(master.valid());
  winsize size{};
  ASSERT_EQ(::ioctl(master.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 33);
  EXPECT_EQ(size.ws_col, 44);
  init.start();
  check(sys::write_all(master.get(), "words\n"), "write");
  std::string seen;
  char buffer[512];
  for (;;) {
    const sys::Result<size_t> got = sys::read(master.get(), buffer, sizeof buffer);
    if (!got.ok() || *got == 0) break;
    seen.append(buffer, *got);
  }
  EXPECT_EQ(init.take().wait().shell_code(), 0);
  EXPECT_THAT(seen, AllOf(HasSubstr("/dev/pts/0\r\n"), HasSubstr("88\r\n"), HasSubstr("terminal\r\n"),
                          HasSubstr("got words")));
}

TEST_F(InitTest, HooksRunInTheOrderOfTheSpecification) {
  const std::string log = top_ + "/log";
  write(log, "");
  const auto hook = [&](const std::string& name) {
    return oci::Hook{
        "/bin/sh",
        {"sh", "-c", "echo " + name + " $(/bin/busybox sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/') >> " + log},
        {},
        {}};
  };
  oci::Spec spec = default_spec("cat /log");
  spec.hooks.create_runtime = {hook("unused")};
  spec.hooks.create_container = {hook("createContainer")};
  spec.hooks.start_container = {
      {"/bin/sh", {"sh", "-c", "echo startContainer >> /log; cat >> /log"}, {"PATH=/bin"}, {}}};
  pid_t hook_pid = 0;
  ParentServices services;
  services.run_runtime_hooks = [&](pid_t pid) {
    hook_pid = pid;
    // The mounts are made, and the host's root is still the child's.
    const std::string mounts = read(cat("/proc/", pid, "/mountinfo"));
    EXPECT_THAT(mounts, HasSubstr(rootfs_ + "/proc "));
  };
  write(rootfs_ + "/log", "");
  const Ran ran = run(spec, inputs(), services);
  EXPECT_GT(hook_pid, 1);
  EXPECT_EQ(read(log), "createContainer 1\n");
  EXPECT_THAT(ran.output, AllOf(StartsWith("startContainer\n"), HasSubstr("\"pid\":1,")));
}

TEST_F(InitTest, AHookThatFailsOrHangsStopsTheCreation) {
  oci::Spec spec = default_spec("true");
  spec.hooks.create_container = {{"/bin/sh", {"sh", "-c", "exit 3"}, {}, {}}};
  EXPECT_THAT(error_of(spec), StartsWith("error running createContainer hook #0: /bin/sh: exit status 3"));
  spec.hooks.create_container = {{"/bin/sleep", {"sleep", "60"}, {}, 1}};
  EXPECT_THAT(error_of(spec),
              StartsWith("error running createContainer hook #0: /bin/sleep: did not end within 1 s"));
}

TEST_F(InitTest, TheStartGateOutlivesTheCreatorAndReportsFailures) {
  std::filesystem::create_directories(top_ + "/state");
  const UniqueFd state =
      check(sys::open_at(AT_FDCWD, (top_ + "/state").c_str(), O_RDONLY | O_DIRECTORY), "open");
  EXPECT_FALSE(StartGate::waiting(state.get()));
  oci::Spec spec = default_spec("exit 9");
  const auto create = [&] {
    Planned planned = build_plan(spec, inputs());
    open_plan_resources(spec, planned.plan);
    planned.plan.gate = StartGate::create(state.get());
    const Proc proc = check(Proc::open(), "open proc");
    return spawn_init(planned.plan, {.proc = &proc}).take();
  };
  Child first = create();
  EXPECT_TRUE(StartGate::waiting(state.get()));
  EXPECT_TRUE(StartGate::waiting(state.get()));
  StartGate::open(state.get());
  EXPECT_FALSE(StartGate::waiting(state.get()));
  EXPECT_EQ(first.wait().shell_code(), 9);

  write(rootfs_ + "/bin/script", "#!/bin/nothere\n");
  std::filesystem::permissions(rootfs_ + "/bin/script", std::filesystem::perms(0755));
  spec.process->args = {"/bin/script"};
  Child second = create();
  try {
    StartGate::open(state.get());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "exec: \"/bin/script\": no such file or directory (interpreter \"/bin/nothere\" not found in image)");
    EXPECT_EQ(error.kind(), ErrorKind::kCommandNotFound);
  }
  EXPECT_EQ(second.wait().shell_code(), 127);
}

TEST_F(InitTest, MissingProgramsAreNamedInTheWordsThatCallersKnow) {
  std::filesystem::create_directories(rootfs_ + "/d");
  write(rootfs_ + "/bin/text", "just text");
  std::filesystem::permissions(rootfs_ + "/bin/text", std::filesystem::perms(0755));
  const struct {
    const char* name;
    const char* message;
    ErrorKind kind;
  } kCases[] = {
      {"nosuch", "exec: \"nosuch\": executable file not found in $PATH", ErrorKind::kCommandNotFound},
      {"/nope", "exec: \"/nope\": stat /nope: no such file or directory", ErrorKind::kCommandNotFound},
      {"/d", "exec: \"/d\": permission denied", ErrorKind::kCommandNotExecutable},
      {"/etc/passwd", "exec: \"/etc/passwd\": permission denied", ErrorKind::kCommandNotExecutable},
      {"text", "exec: \"text\": exec format error (neither an ELF file nor a script with a #! line)",
       ErrorKind::kCommandNotExecutable},
  };
  for (const auto& expected : kCases) {
    oci::Spec spec = default_spec("");
    spec.process->args = {expected.name};
    try {
      run(spec);
      FAIL() << expected.name;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), expected.message);
      EXPECT_EQ(error.kind(), expected.kind);
    }
  }
}

TEST_F(InitTest, AFailingStepIsNamedAndLeavesNoProcess) {
  oci::Spec spec = default_spec("true");
  spec.mounts.push_back({"/x", "nosuchfs", "nothing", {}});
  EXPECT_EQ(error_of(spec), "mount nothing on /x: No such device");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // lint-allow(waitpid): nobody is left to wait for
}

TEST_F(InitTest, WithoutPivotTheRootIsTheSame) {
  PlanInputs in = inputs();
  in.no_pivot = true;
  const Ran ran = run(default_spec("ls /; cat /proc/self/status | head -1"), in, {});
  EXPECT_THAT(ran.output, AllOf(HasSubstr("bin\n"), Not(HasSubstr("home\n")), HasSubstr("Name:")));
}

TEST_F(InitTest, AnExistingProcessIsJoinedByExec) {
  oci::Spec spec = default_spec("sleep 100");
  Planned planned = build_plan(spec, inputs());
  open_plan_resources(spec, planned.plan);
  const Proc proc = check(Proc::open(), "open proc");
  SpawnedInit init = spawn_init(planned.plan, {.proc = &proc});
  init.start();
  ExecInputs exec;
  const auto open_ns = [&](const char* name, int type) {
    return NamespaceJoin{
        check(sys::open_at(proc.fd(), cat(init.pid(), "/ns/", name).c_str(), O_RDONLY), name), type, name};
  };
  exec.join.push_back(open_ns("pid", CLONE_NEWPID));
  exec.join.push_back(open_ns("net", CLONE_NEWNET));
  exec.join.push_back(open_ns("mnt", CLONE_NEWNS));
  sys::PipeEnds output = check(sys::pipe(), "pipe");
  exec.stdio[1] = exec.stdio[2] = output.write.get();
  oci::Process process = *spec.process;
  process.args = {"sh", "-c", "ls /; cat /proc/1/cmdline; pwd"};
  process.cwd = "/etc";
  Planned second = build_exec_plan(process, std::move(exec));
  open_plan_resources(spec, second.plan);
  SpawnedInit executed = spawn_init(second.plan, {.proc = &proc});
  output.write.reset();
  executed.start();
  const std::string seen = read_fd(output.read.get(), "output", 1 << 16);
  EXPECT_THAT(seen,
              AllOf(HasSubstr("bin\n"), Not(HasSubstr("home\n")), HasSubstr("sleep"), HasSubstr("/etc\n")));
  EXPECT_EQ(executed.take().wait().shell_code(), 0);
}

}  // namespace
}  // namespace crunlite::runtime
