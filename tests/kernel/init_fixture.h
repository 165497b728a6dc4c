// SPDX-License-Identifier: Apache-2.0
// A small root file system with busybox, a specification that runs a shell script in it, and its output: what
// the tests of the init look at from inside. Everything lies below one temporary directory, which is removed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/proc.h"
#include "oci/spec.h"
#include "runtime/capabilities.h"
#include "runtime/plan.h"
#include "runtime/spawn.h"
#include "runtime/validate.h"

namespace crunlite::runtime {

inline std::string temporary_directory() {
  std::string pattern = "/tmp/init-test.XXXXXX";
  if (!::mkdtemp(pattern.data())) throw SysError(errno, "mkdtemp");
  return pattern;
}

struct Ran {
  sys::Exit exit;
  std::string output;
};

class InitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    top_ = temporary_directory();
    rootfs_ = top_ + "/rootfs";
    victim_ = top_ + "/victim";
    for (const char* dir : {"/rootfs/bin", "/rootfs/proc", "/rootfs/sys", "/rootfs/dev", "/rootfs/etc",
                            "/rootfs/tmp", "/victim"})
      std::filesystem::create_directories(top_ + dir);
    std::filesystem::copy_file("/bin/busybox", rootfs_ + "/bin/busybox");
    for (const char* name :
         {"sh",    "cat",   "ls",  "id",  "grep", "mount", "stat", "readlink", "echo",   "pwd", "hostname",
          "touch", "sleep", "tty", "env", "true", "test",  "wc",   "head",     "ulimit", "sed"})
      std::filesystem::create_symlink("busybox", rootfs_ + "/bin/" + name);
    write(rootfs_ + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
    write(victim_ + "/sentinel", "untouched\n");
    std::filesystem::permissions(top_, std::filesystem::perms(0755));
  }

  void TearDown() override {
    if (top_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // What every container engine asks for, as config.json has it.
  oci::Spec default_spec(const std::string& script) const {
    oci::Spec spec;
    spec.oci_version = "1.3.0";
    spec.root.path = rootfs_;
    spec.process.emplace();
    spec.process->args = {"sh", "-c", script};
    spec.process->env = {"PATH=/bin"};
    spec.process->cwd = "/";
    auto& capabilities = spec.process->capabilities.emplace();
    capabilities.bounding = capabilities.permitted = capabilities.effective = capability_names();
    spec.mounts = {
        {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
        {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
        {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
        {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
        {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
        {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    };
    using enum oci::NamespaceType;
    for (const oci::NamespaceType type : {kPid, kNetwork, kMount, kIpc, kUts, kCgroup})
      spec.linux.namespaces.push_back({type, ""});
    spec.linux.masked_paths = {"/proc/kcore", "/proc/keys",    "/proc/scsi",
                               "/proc/acpi",  "/sys/firmware", "/nonexistent"};
    spec.linux.readonly_paths = {"/proc/sys", "/proc/bus", "/proc/sysrq-trigger"};
    return spec;
  }

  PlanInputs inputs() const {
    PlanInputs in;
    in.id = "test";
    in.bundle = top_;
    in.rootfs = rootfs_;
    in.created_json = R"({"ociVersion":"1.3.0","id":"test","status":"created","pid":0,"bundle":"/b"})";
    in.placed_by_clone = true;
    return in;
  }

  // Runs to the end; the output is what the program wrote to 1 and 2.
  Ran run(const oci::Spec& spec) { return run(spec, inputs(), {}); }
  Ran run(const oci::Spec& spec, PlanInputs in, ParentServices services) {
    sys::PipeEnds output = check(sys::pipe(), "pipe");
    UniqueFd null = check(sys::open_at(AT_FDCWD, "/dev/null", O_RDONLY), "open /dev/null");
    in.stdio[0] = null.get();
    in.stdio[1] = in.stdio[2] = output.write.get();
    check_valid(spec);
    Planned planned = build_plan(spec, in);
    open_plan_resources(spec, planned.plan);
    const Proc proc = check(Proc::open(), "open proc");
    services.proc = &proc;
    SpawnedInit init = spawn_init(planned.plan, services);
    output.write.reset();
    null.reset();
    init.start();
    Ran ran;
    ran.output = read_fd(output.read.get(), "output", 1 << 20);
    Child child = init.take();
    ran.exit = child.wait();
    return ran;
  }
  std::string output_of(const oci::Spec& spec) {
    const Ran ran = run(spec);
    EXPECT_EQ(ran.exit.shell_code(), 0) << ran.output;
    return ran.output;
  }
  std::string error_of(const oci::Spec& spec) {
    try {
      const Ran ran = run(spec);
      return "ran: " + ran.output;
    } catch (const Error& error) {
      return error.what();
    }
  }

  void expect_victim_untouched() const {
    EXPECT_EQ(read(victim_ + "/sentinel"), "untouched\n");
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(victim_))
      names.push_back(entry.path().filename());
    EXPECT_THAT(names, ::testing::ElementsAre("sentinel"));
  }
  void replace_by_link(const std::string& path, const std::string& target) {
    std::filesystem::remove_all(rootfs_ + path);
    std::filesystem::create_symlink(target, rootfs_ + path);
  }

  std::string top_;
  std::string rootfs_;
  std::string victim_;
};

}  // namespace crunlite::runtime
