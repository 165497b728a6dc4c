// SPDX-License-Identifier: Apache-2.0
// config.json: what is read, what is written, and that every mistake is named by its JSON pointer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/codec.h"
#include "oci/names.h"

namespace crunlite::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::SizeIs;

struct Decoded {
  Spec spec;
  std::vector<std::string> problems;
};

Decoded decode(std::string_view text) {
  Decoded out;
  out.spec = decode_spec(json::parse(text, "config.json"), out.problems);
  return out;
}

// What a document with one more member beside the required ones complains about.
std::vector<std::string> problems_with(std::string_view members) {
  return decode(cat(R"({"ociVersion":"1.3.0","root":{"path":"rootfs"},)", members, "}")).problems;
}

constexpr std::string_view kEverything = R"({
  "ociVersion": "1.3.0",
  "process": {
    "terminal": true,
    "consoleSize": {"height": 25, "width": 80},
    "user": {"uid": 1000, "gid": 100, "umask": 18, "additionalGids": [5, 6]},
    "args": ["sh", "-c", "true"],
    "env": ["PATH=/bin", "A=\ud83d\ude00"],
    "cwd": "/srv",
    "capabilities": {"bounding": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 0}],
    "noNewPrivileges": true,
    "oomScoreAdj": -5,
    "apparmorProfile": "p",
    "selinuxLabel": "l",
    "scheduler": {"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                  "runtime": 1000000, "deadline": 5000000, "period": 5000000},
    "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4},
    "execCPUAffinity": {"initial": "0-1", "final": "1"}
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "h",
  "domainname": "d",
  "mounts": [{"destination": "/data", "type": "bind", "source": "/src", "options": ["rbind", "ro"],
              "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}],
  "hooks": {"prestart": [{"path": "/h1", "args": ["h1", "x"], "env": ["K=V"], "timeout": 3}],
            "poststop": [{"path": "/h2"}]},
  "annotations": {"a": "1", "b": "2"},
  "linux": {
    "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
    "sysctl": {"net.core.somaxconn": "256"},
    "resources": {
      "devices": [{"allow": false, "access": "rwm"},
                  {"allow": true, "type": "c", "major": 1, "minor": -1, "access": "r"}],
      "memory": {"limit": 1048576, "swap": -1, "swappiness": 0, "disableOOMKiller": false},
      "cpu": {"shares": 1024, "quota": -1, "period": 100000, "cpus": "0-1", "idle": 0},
      "pids": {"limit": 0},
      "unified": {"memory.high": "1G"}
    },
    "cgroupsPath": "/x/y",
    "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/a"}, {"type": "time"}],
    "devices": [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 438},
                {"type": "p", "path": "/dev/fifo"}],
    "netDevices": {"eth1": {"name": "lan%d"}, "eth2": {}},
    "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
                "flags": ["SECCOMP_FILTER_FLAG_LOG"],
                "syscalls": [{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1,
                              "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}]},
    "rootfsPropagation": "slave",
    "maskedPaths": ["/proc/kcore"],
    "readonlyPaths": ["/proc/sys"],
    "mountLabel": "ml",
    "personality": {"domain": "LINUX32"},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    "timeOffsets": {"monotonic": {"secs": 172800}, "boottime": {"secs": -1, "nanosecs": 7}}
  }
})";

TEST(Decode, ReadsEveryMember) {
  const auto [spec, problems] = decode(kEverything);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(spec.process->user.umask, 18u);
  EXPECT_THAT(spec.process->user.additional_gids, ElementsAre(5, 6));
  EXPECT_EQ(spec.process->rlimits[0].hard, UINT64_MAX);
  EXPECT_EQ(spec.process->oom_score_adj, -5);
  EXPECT_EQ(spec.process->scheduler->policy, SchedulerPolicy::kDeadline);
  EXPECT_THAT(spec.process->scheduler->flags, ElementsAre(SchedulerFlag::kResetOnFork));
  EXPECT_EQ(spec.process->scheduler->deadline, 5'000'000u);
  EXPECT_EQ(spec.process->io_priority->io_class, IoPriorityClass::kIdle);
  EXPECT_EQ(spec.process->exec_cpu_affinity->final, "1");
  EXPECT_EQ(spec.linux.memory_policy->mode, MemoryPolicyMode::kBind);
  EXPECT_THAT(spec.linux.memory_policy->flags, ElementsAre(MemoryPolicyFlag::kStaticNodes));
  EXPECT_EQ(spec.process->env[1], "A=\xf0\x9f\x98\x80");
  EXPECT_EQ(spec.hooks.prestart[0].timeout, 3);
  EXPECT_EQ(spec.linux.namespaces[1].path, "/run/netns/a");
  EXPECT_EQ(spec.linux.resources.devices[0].type, 'a');
  EXPECT_EQ(spec.linux.resources.devices[1].minor, std::nullopt);
  EXPECT_EQ(spec.linux.resources.pids_limit, 0);
  EXPECT_EQ(spec.linux.resources.memory.swap, -1);
  EXPECT_EQ(spec.linux.seccomp->rules[0].args[0].op, SeccompOperator::kMaskedEqual);
  EXPECT_EQ(spec.linux.boottime_offset->secs, -1);
  EXPECT_EQ(spec.linux.devices[1].type, DeviceType::kFifo);
  EXPECT_EQ(spec.linux.net_devices.at("eth1").name, "lan%d");
  EXPECT_EQ(spec.linux.net_devices.at("eth2").name, "");
}

TEST(Decode, EncodeGivesADocumentThatDecodesToTheSame) {
  const json::Value once = encode_spec(decode(kEverything).spec);
  std::vector<std::string> problems;
  const json::Value twice = encode_spec(decode_spec(once, problems));
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(json::dump(once), json::dump(twice));
  // Nothing of the source got lost: the members that differ are those with a default.
  EXPECT_THAT(json::dump(once), HasSubstr(R"("hard":18446744073709551615,"soft":0)"));
  EXPECT_THAT(json::dump(once), HasSubstr(R"("timeout":3)"));
  EXPECT_THAT(json::dump(once), HasSubstr(R"("period":5000000)"));
  EXPECT_THAT(json::dump(once), HasSubstr(R"("execCPUAffinity":{"initial":"0-1","final":"1"})"));
  EXPECT_THAT(json::dump(once), HasSubstr(R"("flags":["MPOL_F_STATIC_NODES"])"));
}

TEST(Encode, SmallestDocument) {
  EXPECT_EQ(json::dump(encode_spec(decode(R"({"ociVersion":"1.0.0","root":{"path":"r"}})").spec)),
            R"({"ociVersion":"1.0.0","root":{"path":"r"}})");
}

TEST(Encode, EmptyCapabilitiesAreNotAbsentOnes) {
  Spec spec{.oci_version = "1.0.0", .root = {.path = "r"}, .process = Process{.args = {"a"}, .cwd = "/"}};
  EXPECT_EQ(json::dump(encode_spec(spec)).find("capabilities"), std::string::npos);
  spec.process->capabilities.emplace();
  EXPECT_THAT(json::dump(encode_spec(spec)), HasSubstr(R"("capabilities":{})"));
}

TEST(Decode, MissingRequiredMembers) {
  EXPECT_THAT(decode("{}").problems,
              ElementsAre("/: the member \"ociVersion\" is missing", "/: the member \"root\" is missing"));
  EXPECT_THAT(problems_with(R"("process":{})"), ElementsAre("/process: the member \"args\" is missing",
                                                            "/process: the member \"cwd\" is missing"));
  EXPECT_THAT(problems_with(R"("mounts":[{}])"),
              ElementsAre("/mounts/0: the member \"destination\" is missing"));
  EXPECT_THAT(problems_with(R"("linux":{"namespaces":[{}]})"),
              ElementsAre("/linux/namespaces/0: the member \"type\" is missing"));
  EXPECT_THAT(problems_with(R"("linux":{"devices":[{"type":"c","path":"/dev/x"}]})"),
              ElementsAre("/linux/devices/0: the member \"major\" is missing",
                          "/linux/devices/0: the member \"minor\" is missing"));
}

struct Wrong {
  const char* members;
  const char* problem;
};

class DecodeWrong : public testing::TestWithParam<Wrong> {};

TEST_P(DecodeWrong, NamesThePlace) {
  EXPECT_THAT(problems_with(GetParam().members), ElementsAre(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Table, DecodeWrong,
    testing::Values(
        Wrong{R"("hostname":7)", "/hostname: expected string, found number"},
        Wrong{R"("hostname":"a\u0000b")", "/hostname: the string contains a NUL character"},
        Wrong{R"("process":[])", "/process: expected object, found array"},
        Wrong{R"("process":{"cwd":"/","args":"sh"})", "/process/args: expected array, found string"},
        Wrong{R"("process":{"cwd":"/","args":["a",1]})", "/process/args/1: expected string, found number"},
        Wrong{R"("process":{"cwd":"/","args":["a"],"terminal":"yes"})",
              "/process/terminal: expected boolean, found string"},
        Wrong{R"("process":{"cwd":"/","args":["a"],"user":{"uid":-1}})",
              "/process/user/uid: expected a whole number from 0 to 4294967295"},
        Wrong{R"("process":{"cwd":"/","args":["a"],"user":{"gid":1.5}})",
              "/process/user/gid: expected a whole number from 0 to 4294967295"},
        Wrong{R"("process":{"cwd":"/","args":["a"],"user":{"uid":4294967296}})",
              "/process/user/uid: expected a whole number from 0 to 4294967295"},
        Wrong{R"("mounts":["x"])", "/mounts/0: expected object, found string"},
        Wrong{R"("annotations":{"a/b":1})", "/annotations/a~1b: expected string, found number"},
        Wrong{R"("hooks":{"prestart":[{"path":"bin/h"}]})",
              "/hooks/prestart/0/path: must be an absolute path"},
        Wrong{R"("hooks":{"poststop":[{"path":"/h","timeout":0}]})",
              "/hooks/poststop/0/timeout: must be greater than zero"},
        Wrong{R"("linux":{"namespaces":[{"type":"nett"}]})",
              "/linux/namespaces/0/type: unknown namespace \"nett\" (known: pid, network, mount, ipc, uts, "
              "user, "
              "cgroup, time)"},
        Wrong{R"("linux":{"namespaces":{}})", "/linux/namespaces: expected array, found object"},
        Wrong{R"("linux":{"rootfsPropagation":"sharde"})",
              "/linux/rootfsPropagation: unknown propagation \"sharde\""},
        Wrong{R"("linux":{"personality":{"domain":"BSD"}})",
              "/linux/personality/domain: unknown personality \"BSD\" (known: LINUX, LINUX32)"},
        Wrong{R"("linux":{"resources":{"devices":[{"access":"rx"}]}})",
              "/linux/resources/devices/0/access: expected letters of rwm, found \"rx\""},
        Wrong{R"("linux":{"resources":{"devices":[{"type":"q"}]}})",
              "/linux/resources/devices/0/type: unknown device type \"q\" (known: a, c, b)"},
        Wrong{R"("linux":{"seccomp":{"defaultAction":"SCMP_ACT_DENY"}})",
              "/linux/seccomp/defaultAction: unknown seccomp action \"SCMP_ACT_DENY\" (known: SCMP_ACT_KILL, "
              "SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, "
              "SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY)"},
        Wrong{R"("linux":{"resources":{"memory":{"limit":"1G"}}})",
              "/linux/resources/memory/limit: expected number, found string"}));

TEST(Decode, ReportsAllProblemsAtOnce) {
  EXPECT_THAT(
      decode(R"({"ociVersion":1,"root":[],"process":{"args":1,"cwd":2}})").problems,
      IsSupersetOf({"/ociVersion: expected string, found number", "/root: expected object, found array",
                    "/process/args: expected array, found number",
                    "/process/cwd: expected string, found number"}));
}

TEST(Decode, NotAnObject) {
  EXPECT_THAT(decode("[]").problems, ElementsAre("/: expected object, found array"));
}

TEST(Decode, UnknownMembersAreIgnored) {
  EXPECT_THAT(
      problems_with(R"("windows":{"x":1},"process":{"args":["a"],"cwd":"/","new":[]},"linux":{"next":2})"),
      IsEmpty());
}

// "blockIO": {} is what dockerd writes for a container without limits.
TEST(Decode, EveryControllersSectionComesBack) {
  const std::string all =
      R"({"memory":{"limit":1,"reservation":2,"swap":3,"kernel":4,"kernelTCP":5,"swappiness":6,)"
      R"("disableOOMKiller":true,"useHierarchy":true,"checkBeforeUpdate":true},)"
      R"("blockIO":{"weight":10,"leafWeight":20,)"
      R"("weightDevice":[{"major":8,"minor":0,"weight":30,"leafWeight":40}],)"
      R"("throttleReadBpsDevice":[{"major":8,"minor":1,"rate":50}],)"
      R"("throttleWriteBpsDevice":[{"major":8,"minor":2,"rate":60}],)"
      R"("throttleReadIOPSDevice":[{"major":8,"minor":3,"rate":70}],)"
      R"("throttleWriteIOPSDevice":[{"major":8,"minor":4,"rate":80}]},)"
      R"("hugepageLimits":[{"pageSize":"2MB","limit":9223372036854772000}],)"
      R"("network":{"classID":1048577,"priorities":[{"name":"eth0","priority":500}]},)"
      R"("rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000},"mlx5_2":{"hcaObjects":1}},)"
      R"("unified":{"io.max":"8:0 rbps=1"}})";
  const json::Value document = json::parse(all, "resources");
  std::vector<std::string> problems;
  const Resources resources = decode_resources(json::Reader(document, problems));
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(json::dump(encode_resources(resources)), all);
}

TEST(Decode, SectionsOfResourcesAreChecked) {
  const auto with = [](std::string_view section) {
    return decode(cat(R"({"ociVersion":"1.3.0","root":{"path":"r"},"linux":{"resources":{)", section, "}}}"))
        .problems;
  };
  EXPECT_THAT(with(R"("blockIO":{},"hugepageLimits":[],"network":{"classID":0},"rdma":{})"), IsEmpty());
  for (const char* bad :
       {R"("hugepageLimits":[{"pageSize":"2mb","limit":1}])",
        R"("hugepageLimits":[{"pageSize":"MB","limit":1}])",
        R"("hugepageLimits":[{"pageSize":"../2MB","limit":1}])", R"("hugepageLimits":[{"pageSize":"2MB"}])",
        R"("blockIO":{"weightDevice":[{"minor":0,"weight":30}]})",
        R"("blockIO":{"throttleReadBpsDevice":[{"major":-1,"minor":0,"rate":1}]})",
        R"("blockIO":{"weight":65536})", R"("rdma":{"mlx5_1":3})",
        R"("network":{"priorities":[{"name":"eth0"}]})"})
    EXPECT_THAT(with(bad), SizeIs(1)) << bad;
}

TEST(Decode, RecursivePropagationIsThePlainOne) {
  const auto [spec, problems] =
      decode(R"({"ociVersion":"1.3.0","root":{"path":"r"},"linux":{"rootfsPropagation":"rslave"}})");
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_EQ(spec.linux.rootfs_propagation, "rslave");
}

TEST(Names, EveryTableGoesBothWays) {
  const auto both_ways = [](const auto& table) {
    for (const auto& row : table) EXPECT_EQ(find_name(table, name_of(table, row.value))->value, row.value);
  };
  both_ways(kNamespaceTypes);
  both_ways(kDeviceTypes);
  both_ways(kDeviceRuleTypes);
  both_ways(kSeccompActions);
  both_ways(kSeccompOperators);
  both_ways(kPersonalities);
  both_ways(kSchedulerPolicies);
  both_ways(kSchedulerFlags);
  both_ways(kIoPriorityClasses);
  both_ways(kMemoryPolicyModes);
  both_ways(kMemoryPolicyFlags);
  EXPECT_EQ(name_of(kDeviceTypes, DeviceType::kCharacter), "c");
}

}  // namespace
}  // namespace crunlite::oci
