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
#include "oci/annotations.h"
#include "oci/names.h"
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
  // More than the kernel takes would be cut off and be another error.
  if (value && *value > kHighestErrno)
    throw Error(ErrorKind::kConfig, "linux.seccomp: errnoRet ", *value, " is above ", kHighestErrno);
  return value.value_or(EPERM);
}

uint32_t action_value(oci::SeccompAction action, const std::optional<uint32_t>& error) {
  const bool has_errno = action == oci::SeccompAction::kErrno || action == oci::SeccompAction::kTrace;
  // config-linux.md, Seccomp: the runtime must fail.
  if (error && !has_errno)
    throw Error(ErrorKind::kConfig, "linux.seccomp: errnoRet cannot be given with ",
                oci::name_of(oci::kSeccompActions, action));
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
      return SCMP_ACT_NOTIFY;
  }
  throw Error(ErrorKind::kConfig, "linux.seccomp: unknown action");
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
    if (token == 0 || std::find(tokens.begin(), tokens.end(), token) != tokens.end()) continue;
    const int added = ::seccomp_arch_add(filter, token);
    // The other byte order: no program of it runs here, and if one did, the filter would kill it.
    if (added == -EDOM) continue;
    check_filter(added, "architecture ", name);
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
      if (result == -EEXIST)
        throw Error(ErrorKind::kConfig, "linux.seccomp: there is a rule with another action for ",
                    quote(name));
      check_filter(result, "rule for ", name);
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

bool returns(const sock_filter& instruction, uint32_t value) {
  return instruction.code == (BPF_RET | BPF_K) && (instruction.k & SECCOMP_RET_ACTION_FULL) == value;
}

// Of several filters the strictest answer counts, and to notify is stricter than to allow, looser than to
// deny: one that notifies and allows all else, and one that allows what is notified, are the whole.
SeccompProgram split_notifications(SeccompProgram program) {
  const auto is_notification = [](const sock_filter& in) { return returns(in, SECCOMP_RET_USER_NOTIF); };
  const unsigned listener_only = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  if (std::ranges::any_of(program.instructions, is_notification)) {
    program.notifying = program.instructions;
    program.notifying_flags = program.flags | SECCOMP_FILTER_FLAG_NEW_LISTENER;
    for (sock_filter& in : program.notifying)
      if (in.code == (BPF_RET | BPF_K) && !is_notification(in)) in.k = SECCOMP_RET_ALLOW;
    for (sock_filter& in : program.instructions)
      if (is_notification(in)) in.k = SECCOMP_RET_ALLOW;
  }
  program.flags &= ~listener_only;
  return program;
}

// The init tells its parent of the listener by write(2): notified, that would wait for an agent which has not
// got the listener yet. runc's wording.
void require_notifiable(const oci::Seccomp& profile) {
  if (profile.default_action == oci::SeccompAction::kNotify)
    throw Error(ErrorKind::kConfig,
                "linux.seccomp: SCMP_ACT_NOTIFY cannot be used as default action: nobody could start the "
                "container's agent");
  if (notifies(profile, "write"))
    throw Error(ErrorKind::kConfig, "linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall");
}

unsigned flags_of(const oci::Seccomp& profile) {
  // As runc: Linux 5.16 made it the kernel's own default. Before, a filter turned the mitigation of
  // Spectre v4 on for the whole container, at a price that nobody expected.
  unsigned flags = profile.flags_absent ? unsigned{SECCOMP_FILTER_FLAG_SPEC_ALLOW} : 0;
  for (const std::string& name : profile.flags) flags |= find_name(kSeccompFlags, name, "flag").value;
  // Nothing to synchronise: the init has one thread. The kernel refuses it together with a listener.
  return flags & ~unsigned{SECCOMP_FILTER_FLAG_TSYNC};
}

}  // namespace

SeccompProgram compile_seccomp(const oci::Seccomp& profile) {
  SeccompProgram program{.flags = flags_of(profile)};
  require_notifiable(profile);
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
  return split_notifications(std::move(program));
}

SeccompProgram seccomp_from_bpf(std::string_view base64) {
  const std::optional<std::string> bytes = decode_base64(base64);
  if (!bytes) throw Error(ErrorKind::kConfig, oci::kSeccompBpfData, ": is not base64");
  const size_t count = bytes->size() / sizeof(sock_filter);
  if (count == 0 || bytes->size() % sizeof(sock_filter) != 0 || count > BPF_MAXINSNS)
    throw Error(ErrorKind::kConfig, oci::kSeccompBpfData, ": ", bytes->size(),
                " bytes are not a program: 1 to ", BPF_MAXINSNS, " instructions of ", sizeof(sock_filter));
  SeccompProgram program{.instructions = std::vector<sock_filter>(count)};
  std::memcpy(program.instructions.data(), bytes->data(), bytes->size());
  return split_notifications(std::move(program));
}

void require_known_calls(const oci::Seccomp& profile) {
  for (const oci::SeccompRule& rule : profile.rules)
    for (const std::string& name : rule.names)
      if (::seccomp_syscall_resolve_name(name.c_str()) == __NR_SCMP_ERROR)
        throw Error(ErrorKind::kConfig, "linux.seccomp: unknown system call ", quote(name));
}

bool notifies(const oci::Seccomp& profile, std::string_view call) {
  return std::ranges::any_of(profile.rules, [&](const oci::SeccompRule& rule) {
    return rule.action == oci::SeccompAction::kNotify &&
           std::ranges::find(rule.names, call) != rule.names.end();
  });
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

std::vector<std::string> supported_seccomp_flag_names() {
  std::vector<std::string> names;
  for (const SeccompFlag& known : kSeccompFlags) {
    const unsigned with = known.listener_only ? unsigned{SECCOMP_FILTER_FLAG_NEW_LISTENER} : 0;
    // seccomp(2): flags are looked at before the program, whose address is none.
    if (sys::seccomp_set_filter(known.value | with, nullptr).error() == EFAULT)
      names.emplace_back(known.name);
  }
  return names;
}

std::string libseccomp_version() {
  const scmp_version* version = ::seccomp_version();
  return cat(version->major, ".", version->minor, ".", version->micro);
}

}  // namespace crunlite::runtime
