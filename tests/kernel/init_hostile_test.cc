// SPDX-License-Identifier: Apache-2.0
// Root file systems and specifications that try to reach the host: nothing outside the root may change.
#include "tests/kernel/init_fixture.h"

namespace crunlite::runtime {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HostileInitTest : public InitTest {
 protected:
  // /proc and /sys only: the rest is made in the root itself.
  oci::Spec bare_spec(const std::string& script) const {
    oci::Spec spec = default_spec(script);
    spec.mounts.erase(spec.mounts.begin() + 1, spec.mounts.begin() + 5);
    return spec;
  }
};

TEST_F(HostileInitTest, DevOrItsDirectoriesAreLinks) {
  for (const char* path : {"/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"}) {
    for (const std::string& target :
         {victim_, std::string("../../victim"), std::string("../../../../../..") + victim_}) {
      for (const bool with_mounts : {false, true}) {
        std::filesystem::remove_all(rootfs_ + "/dev");
        std::filesystem::create_directories(rootfs_ + "/dev");
        replace_by_link(path, target);
        (void)error_of(with_mounts ? default_spec("true") : bare_spec("true"));
        expect_victim_untouched();
      }
    }
  }
}

TEST_F(HostileInitTest, MountDestinationsAreLinks) {
  replace_by_link("/absolute", victim_);
  replace_by_link("/up", "../../victim");
  for (const char* destination : {"/absolute/new", "/up/new", "/absolute", "/../../victim/x"}) {
    oci::Spec spec = default_spec("true");
    spec.mounts.push_back({destination, "tmpfs", "tmpfs", {}});
    // Inside the root the link leads to nothing: refused, or made there.
    EXPECT_THAT(error_of(spec), AnyOf(StartsWith("ran: "), HasSubstr("No such file or directory")))
        << destination;
    expect_victim_untouched();
  }
}

TEST_F(HostileInitTest, ProcOrSysIsALink) {
  replace_by_link("/proc", "/tmp");
  EXPECT_THAT(error_of(default_spec("true")),
              StartsWith("mount proc on /proc (it must be mounted on ordinary directory"));
  std::filesystem::remove(rootfs_ + "/proc");
  std::filesystem::create_directories(rootfs_ + "/proc");
  replace_by_link("/sys", victim_);
  EXPECT_THAT(error_of(default_spec("true")),
              StartsWith("mount sysfs on /sys (it must be mounted on ordinary directory"));
  expect_victim_untouched();
}

TEST_F(HostileInitTest, MountsInsideProcAreRefused) {
  replace_by_link("/inside", "/proc/sys");
  for (const char* destination :
       {"/proc/sys/kernel", "/proc/self/attr", "/proc/../proc/sys", "/inside", "/inside/kernel"}) {
    oci::Spec spec = default_spec("true");
    spec.mounts.push_back({destination, "tmpfs", "tmpfs", {}});
    EXPECT_THAT(error_of(spec),
                AnyOf(HasSubstr("inside /proc are not allowed"), HasSubstr("leads into /proc")))
        << destination;
  }
  oci::Spec lxcfs = default_spec("cat /proc/uptime");
  lxcfs.mounts.push_back({"/proc/uptime", "bind", victim_ + "/sentinel", {"bind", "ro"}});
  EXPECT_EQ(error_of(lxcfs), "ran: untouched\n");
  oci::Spec not_proc = default_spec("true");
  not_proc.mounts[0] = {"/proc", "bind", victim_, {"bind"}};
  EXPECT_THAT(error_of(not_proc), HasSubstr("not of type proc"));
}

TEST_F(HostileInitTest, TheNullDeviceIsNotWhatItsNameSays) {
  for (const std::string& target : {std::string("/proc/sys/kernel/hostname"), victim_ + "/sentinel"}) {
    replace_by_link("/dev/null", target);
    EXPECT_THAT(error_of(bare_spec("true")), HasSubstr("/dev/null")) << target;
  }
  // A /dev of the caller's own making is not checked by the devices step: the mask refuses it.
  const std::string dev = top_ + "/own-dev";
  std::filesystem::create_directories(dev);
  write(dev + "/null", "");
  oci::Spec spec = bare_spec("true");
  spec.mounts.push_back({"/dev", "bind", dev, {"rbind"}});
  // Which masked file comes first depends on what this kernel has: /proc/kcore, /proc/keys.
  EXPECT_THAT(error_of(spec), AllOf(StartsWith("mask /proc/k"),
                                    HasSubstr("(/dev/null of the container is not the null device)")));
  spec.linux.masked_paths.clear();
  spec.process->args.back() = "echo arrives";
  EXPECT_EQ(error_of(spec), "ran: arrives\n");
  expect_victim_untouched();
}

TEST_F(HostileInitTest, TheConsoleIsALink) {
  for (const bool readonly : {false, true}) {
    std::filesystem::remove_all(rootfs_ + "/dev");
    std::filesystem::create_directories(rootfs_ + "/dev/pts");
    replace_by_link("/dev/console", victim_ + "/sentinel");
    oci::Spec spec = bare_spec("true");
    spec.mounts.push_back({"/dev/pts", "devpts", "devpts", {"newinstance", "ptmxmode=0666"}});
    spec.process->terminal = true;
    spec.root.readonly = readonly;
    EXPECT_THAT(error_of(spec), StartsWith("set up the terminal /dev/console: "));
    expect_victim_untouched();
  }
}

TEST_F(HostileInitTest, TheWorkingDirectoryIsADescriptorOfTheHost) {
  const UniqueFd leaked(::open("/etc", O_RDONLY | O_DIRECTORY));  // lint-allow(open): inheritable on purpose
  replace_by_link("/cwd", cat("/proc/self/fd/", leaked.get()));
  for (int fd = 3; fd <= 40; ++fd) {
    oci::Spec spec = default_spec("pwd; ls");
    spec.process->cwd = cat("/proc/self/fd/", fd);
    EXPECT_THAT(error_of(spec), Not(HasSubstr("ran:"))) << fd;
  }
  oci::Spec spec = default_spec("pwd; ls");
  spec.process->cwd = "/cwd";
  EXPECT_THAT(error_of(spec), Not(HasSubstr("ran:")));
}

TEST_F(HostileInitTest, SysctlsOfTheHostAreRefused) {
  const std::string before = read("/proc/sys/kernel/core_pattern");
  const struct {
    const char* key;
    const char* value;
  } kCases[] = {{"kernel.core_pattern", "|/bin/x"},    {"net/../kernel/core_pattern", "x"},
                {"kernel.shm_rmid_forced", "1\nx"},    {"kernel.hostname", "x"},
                {"net.ipv4.ip_forward+kernel.x", "1"}, {"vm.swappiness", "1"}};
  for (const auto& entry : kCases) {
    oci::Spec spec = default_spec("true");
    spec.linux.sysctl = {{entry.key, entry.value}};
    EXPECT_THAT(error_of(spec), HasSubstr("sysctl")) << entry.key;
  }
  for (const std::string& path : {std::string(), std::string("/proc/self/ns/net")}) {
    oci::Spec spec = default_spec("true");
    std::erase_if(spec.linux.namespaces,
                  [](const auto& ns) { return ns.type == oci::NamespaceType::kNetwork; });
    if (!path.empty()) spec.linux.namespaces.push_back({oci::NamespaceType::kNetwork, path});
    spec.linux.sysctl = {{"net.ipv4.ip_forward", "1"}};
    EXPECT_THAT(error_of(spec), HasSubstr("sysctl")) << path;
  }
  EXPECT_EQ(read("/proc/sys/kernel/core_pattern"), before);
}

TEST_F(HostileInitTest, PasswdIsAFifoOrHuge) {
  std::filesystem::remove(rootfs_ + "/etc/passwd");
  ASSERT_EQ(::mkfifo((rootfs_ + "/etc/passwd").c_str(), 0644), 0);
  EXPECT_EQ(error_of(default_spec("echo $HOME")), "ran: /\n");
  std::filesystem::remove(rootfs_ + "/etc/passwd");
  write(rootfs_ + "/etc/passwd", "");
  std::filesystem::resize_file(rootfs_ + "/etc/passwd", 1ull << 40);
  EXPECT_EQ(error_of(default_spec("echo $HOME")), "ran: /\n");
  replace_by_link("/etc/passwd", "/dev/zero");
  EXPECT_EQ(error_of(default_spec("echo $HOME")), "ran: /\n");
}

TEST_F(HostileInitTest, OutputReachesTheCallerWhateverDevNullIs) {
  EXPECT_EQ(error_of(default_spec("echo arrives")), "ran: arrives\n");
}

}  // namespace
}  // namespace crunlite::runtime
