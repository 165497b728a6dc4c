// SPDX-License-Identifier: Apache-2.0
// The device filter of cgroup v2. The program keeps the requested accesses that no rule has decided yet in
// one register and goes through the rules from the last to the first: a denying rule that meets one of them
// ends with 0, an allowing rule takes its own out, and when none is left the answer is 1. That is "the later
// rule wins" for each access on its own, also for rules that overlap, which v1 cannot say.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/sys.h"
#include "runtime/cgroup/devices.h"

namespace crunlite::runtime {
namespace {

enum Register : uint8_t { kResult, kContext, kType, kUndecided, kMajor, kMinor, kScratch };

bpf_insn instruction(int code, uint8_t dst, uint8_t src, int16_t offset, int32_t immediate) {
  bpf_insn out{};
  out.code = static_cast<uint8_t>(code);
  out.dst_reg = dst & 0xf;
  out.src_reg = src & 0xf;
  out.off = offset;
  out.imm = immediate;
  return out;
}
bpf_insn load(Register dst, size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, dst, kContext, static_cast<int16_t>(offset), 0);
}
bpf_insn alu(int operation, Register dst, int32_t immediate) {
  return instruction(BPF_ALU | operation | BPF_K, dst, 0, 0, immediate);
}
bpf_insn copy(Register dst, Register src) {
  return instruction(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}
bpf_insn jump_if(int condition, Register reg, int32_t immediate, size_t skip) {
  return instruction(BPF_JMP | condition | BPF_K, reg, 0, static_cast<int16_t>(skip), immediate);
}
bpf_insn leave() {
  return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int32_t bpf_access(const oci::DeviceRule& rule) {
  if (rule.access.empty()) return BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
  int32_t bits = 0;
  for (const char c : rule.access) {
    if (c == 'r') bits |= BPF_DEVCG_ACC_READ;
    if (c == 'w') bits |= BPF_DEVCG_ACC_WRITE;
    if (c == 'm') bits |= BPF_DEVCG_ACC_MKNOD;
  }
  return bits;
}

// What to do when the rule's device is meant.
std::vector<bpf_insn> verdict(const oci::DeviceRule& rule) {
  const int32_t bits = bpf_access(rule);
  if (rule.allow) {
    return {alu(BPF_AND, kUndecided, ~bits), jump_if(BPF_JNE, kUndecided, 0, 2), alu(BPF_MOV, kResult, 1),
            leave()};
  }
  return {copy(kScratch, kUndecided), alu(BPF_AND, kScratch, bits), jump_if(BPF_JEQ, kScratch, 0, 2),
          alu(BPF_MOV, kResult, 0), leave()};
}

void append_rule(std::vector<bpf_insn>& program, const oci::DeviceRule& rule) {
  const std::vector<bpf_insn> then = verdict(rule);
  // Each test that fails jumps over the rest of the rule.
  std::vector<std::pair<Register, int32_t>> tests;
  if (rule.type != 'a')
    tests.emplace_back(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (rule.major && *rule.major >= 0) tests.emplace_back(kMajor, static_cast<int32_t>(*rule.major));
  if (rule.minor && *rule.minor >= 0) tests.emplace_back(kMinor, static_cast<int32_t>(*rule.minor));
  for (size_t i = 0; i < tests.size(); ++i) {
    program.push_back(jump_if(BPF_JNE, tests[i].first, tests[i].second, tests.size() - i - 1 + then.size()));
  }
  program.insert(program.end(), then.begin(), then.end());
}

sys::Result<int> bpf(bpf_cmd command, bpf_attr& attributes) {
  const long result = ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
  if (result < 0) return sys::fail();
  return static_cast<int>(result);
}

sys::Result<UniqueFd> load_program(const std::vector<bpf_insn>& program) {
  static constexpr char kLicense[] = "Apache-2.0";  // calls no helper that asks for the GPL
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uintptr_t>(kLicense);
  const sys::Result<int> fd = bpf(BPF_PROG_LOAD, attributes);
  if (!fd.ok()) return fd.status();
  return UniqueFd(*fd);  // close-on-exec from birth
}

std::vector<uint32_t> attached_programs(int cgroup) {
  std::array<uint32_t, 64> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<uint32_t>(cgroup);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = reinterpret_cast<uintptr_t>(ids.data());
  attributes.query.prog_cnt = ids.size();
  if (!bpf(BPF_PROG_QUERY, attributes).ok()) return {};
  return {ids.begin(), ids.begin() + attributes.query.prog_cnt};
}

void detach_program(int cgroup, uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  const sys::Result<int> raw = bpf(BPF_PROG_GET_FD_BY_ID, attributes);
  if (!raw.ok()) return;
  const UniqueFd program(*raw);
  bpf_attr detach{};
  detach.target_fd = static_cast<uint32_t>(cgroup);
  detach.attach_bpf_fd = static_cast<uint32_t>(program.get());
  detach.attach_type = BPF_CGROUP_DEVICE;
  check(bpf(BPF_PROG_DETACH, detach).status(), "detach the old device filter");
}

}  // namespace

std::vector<bpf_insn> device_program(const std::vector<oci::DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      copy(kUndecided, kType),
      alu(BPF_AND, kType, 0xffff),
      alu(BPF_RSH, kUndecided, 16),
      load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  bool decided = false;
  for (size_t i = rules.size(); i-- > 0 && !decided;) {
    append_rule(program, rules[i]);
    // Nothing before "all devices, every access" can matter, and the verifier refuses unreachable code on
    // some kernels.
    const int32_t all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
    decided = rules[i].type == 'a' && !rules[i].major && !rules[i].minor && bpf_access(rules[i]) == all;
  }
  program.push_back(alu(BPF_MOV, kResult, 0));
  program.push_back(leave());
  return program;
}

void attach_device_program(int cgroup, const std::vector<bpf_insn>& program) {
  const UniqueFd loaded = check(load_program(program), "load the device filter of the cgroup");
  const std::vector<uint32_t> before = attached_programs(cgroup);
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  check(bpf(BPF_PROG_ATTACH, attributes).status(), "attach the device filter to the cgroup");
  // The old one goes last, so that there is no moment without a filter.
  for (const uint32_t id : before) detach_program(cgroup, id);
}

}  // namespace crunlite::runtime
