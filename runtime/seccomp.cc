// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp.h"

#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/sys.h"
#include "runtime/seccomp_names.h"
#include "runtime/seccomp_prefix.h"

namespace crunlite::runtime {
namespace {

constexpr uint32_t kHighestErrno = 4095;  // MAX_ERRNO: the kernel cuts off what is above
constexpr uint32_t kArguments = 6;
constexpr size_t kProgramLimit = BPF_MAXINSNS * sizeof(sock_filter);
constexpr uint32_t kBinaryTree = 2;  // SCMP_FLTATR_CTL_OPTIMIZE

struct ReleaseFilter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

// libseccomp returns negative errnos.
template <class... Parts>
void check_filter(int result, const Parts&... what) {
  if (result < 0) throw SysError(-result, "linux.seccomp: ", what...);
}

uint32_t errno_of(const std::optional<uint32_t>& value) {
  if (value && *value > kHighestErrno)
    throw Error(ErrorKind::kConfig, "linux.seccomp: errnoRet ", *value, " is above ", kHighestErrno);
  return value.value_or(EPERM);
}

uint32_t action_value(oci::SeccompAction action, const std::optional<uint32_t>& error) {
  switch (action) {
    case oci::SeccompAction::kKill:
    case oci::SeccompAction::kKillThread:
      return SCMP_ACT_KILL_THREAD;
    case oci::SeccompAction::kKillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case oci::SeccompAction::kTrap:
      return SCMP_ACT_TRAP;
    case oci::SeccompAction::kErrno:
      return SCMP_ACT_ERRNO(errno_of(error));
    case oci::SeccompAction::kTrace:
      return SCMP_ACT_TRACE(errno_of(error));
    case oci::SeccompAction::kAllow:
      return SCMP_ACT_ALLOW;
    case oci::SeccompAction::kLog:
      return SCMP_ACT_LOG;
    case oci::SeccompAction::kNotify:
      break;
  }
  throw Error(ErrorKind::kUnsupported,
              "linux.seccomp: SCMP_ACT_NOTIFY (a listener) is not supported by this build");
}

template <class Table>
auto find_name(const Table& table, std::string_view name, std::string_view what) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry;
  }
  throw Error(ErrorKind::kConfig, "linux.seccomp: unknown ", what, " ", quote(name));
}

scmp_arg_cmp comparison(const oci::SeccompArg& arg) {
  if (arg.index >= kArguments)
    throw Error(ErrorKind::kConfig, "linux.seccomp: a system call has arguments 0 to 5, not ", arg.index);
  for (const SeccompComparison& known : kSeccompComparisons) {
    if (known.op == arg.op) return {arg.index, known.compare, arg.value, arg.value_two};
  }
  throw Error(ErrorKind::kConfig, "linux.seccomp: unknown comparison");
}

std::vector<uint32_t> add_architectures(void* filter, const oci::Seccomp& profile) {
  std::vector<uint32_t> tokens = {::seccomp_arch_native()};
  for (const std::string& name : profile.architectures) {
    const uint32_t token = find_name(kSeccompArchitectures, name, "architecture").token;
    if (std::find(tokens.begin(), tokens.end(), token) != tokens.end()) continue;
    check_filter(::seccomp_arch_add(filter, token), "architecture ", name);
    tokens.push_back(token);
  }
  return tokens;
}

void add_rule(void* filter, const oci::SeccompRule& rule, uint32_t default_value) {
  const uint32_t action = action_value(rule.action, rule.errno_ret);
  std::vector<scmp_arg_cmp> comparisons;
  std::set<uint32_t> indices;
  for (const oci::SeccompArg& arg : rule.args) {
    comparisons.push_back(comparison(arg));
    indices.insert(arg.index);
  }
  // What happens anyway; libseccomp refuses it.
  if (action == default_value) return;
  for (const std::string& name : rule.names) {
    const int call = ::seccomp_syscall_resolve_name(name.c_str());
    if (call == __NR_SCMP_ERROR) continue;
    const auto add = [&](size_t first, size_t count) {
      const int result = ::seccomp_rule_add_array(filter, action, call, static_cast<unsigned>(count),
                                                  comparisons.data() + first);
      if (result != -EEXIST) check_filter(result, "rule for ", name);
    };
    // Several conditions on one argument mean "any of them": what runc made of profiles before 2016, and what
    // libseccomp cannot say in one rule.
    if (indices.size() == comparisons.size()) {
      add(0, comparisons.size());
    } else {
      for (size_t i = 0; i < comparisons.size(); ++i) add(i, 1);
    }
  }
}

std::vector<sock_filter> export_program(void* filter) {
  const UniqueFd file = check(sys::memfd_create("seccomp", MFD_CLOEXEC), "memfd_create");
  check_filter(::seccomp_export_bpf(filter, file.get()), "export the program");
  // libseccomp has moved the offset that the copy shares.
  const struct stat st = check(sys::fstat(file.get()), "stat the program");
  std::vector<sock_filter> program(static_cast<size_t>(st.st_size) / sizeof(sock_filter));
  const size_t size = program.size() * sizeof(sock_filter);
  const size_t got = check(sys::pread(file.get(), program.data(), size, 0), "read the program");
  if (got != size || size == 0) throw Error(ErrorKind::kSystem, "linux.seccomp: the program is cut short");
  return program;
}

}  // namespace

SeccompProgram compile_seccomp(const oci::Seccomp& profile) {
  SeccompProgram program;
  for (const std::string& name : profile.flags) {
    const SeccompFlag flag = find_name(kSeccompFlags, name, "flag");
    if (!flag.listener_only) program.flags |= flag.value;
  }
  const uint32_t default_value = action_value(profile.default_action, profile.default_errno_ret);
  const Filter filter(::seccomp_init(default_value));
  if (!filter) throw Error(ErrorKind::kSystem, "linux.seccomp: libseccomp cannot start");
  // A tree instead of a chain: the last of 400 calls takes 9 comparisons instead of 400.
  check_filter(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree), "optimise");
  const std::vector<uint32_t> architectures = add_architectures(filter.get(), profile);
  for (const oci::SeccompRule& rule : profile.rules) add_rule(filter.get(), rule, default_value);

  program.instructions = seccomp_prefix(profile, architectures, default_value);
  const std::vector<sock_filter> body = export_program(filter.get());
  program.instructions.insert(program.instructions.end(), body.begin(), body.end());
  if (program.instructions.size() > BPF_MAXINSNS)
    throw Error(ErrorKind::kUnsupported, "linux.seccomp: the profile needs ", program.instructions.size(),
                " instructions and the kernel takes ", BPF_MAXINSNS)
        .with_remedy("leave out architectures that are not needed");
  return program;
}

std::vector<std::string> seccomp_architecture_names() {
  std::vector<std::string> names;
  for (const SeccompArchitecture& known : kSeccompArchitectures) names.emplace_back(known.name);
  return names;
}

std::vector<std::string> seccomp_flag_names() {
  std::vector<std::string> names;
  for (const SeccompFlag& known : kSeccompFlags) names.emplace_back(known.name);
  return names;
}

}  // namespace crunlite::runtime
