// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/executable.h"

#include <elf.h>
#include <sys/syscall.h>

namespace crunlite::runtime {
namespace {

using sys::Result;
using sys::Status;

// `exec: "NAME": …`, as runc has it: `docker run` looks for these very words.
Note& begin(Init& init, std::string_view name, FailureKind kind) {
  init.failure = kind;
  return init.note.set("exec: \"", name, "\": ");
}

Status not_found(Init& init, std::string_view name, std::string_view why) {
  begin(init, name, FailureKind::kNotFound).add(why);
  return Status(ENOENT);
}

Status denied(Init& init, std::string_view name) {
  begin(init, name, FailureKind::kNotExecutable).add("permission denied");
  return Status(EACCES);
}

bool may_execute(const char* path) {
  // With the effective ids, which are the container's by now (faccessat2(2), Linux 5.8).
  if (::syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0) return true;
  if (errno != ENOSYS && errno != EPERM) return false;
  return ::faccessat(AT_FDCWD, path, X_OK, 0) == 0;  // real and effective ids are the same here
}

// What execve could be given: 0, ENOENT, or EACCES for what is not an executable file.
int check_file(const char* path) {
  Result<struct stat> st = sys::stat_at(AT_FDCWD, path, 0);
  if (!st.ok()) return st.error();
  return S_ISREG(st->st_mode) && may_execute(path) ? 0 : EACCES;
}

bool is_directory_or_denied(int error) {
  return error == EACCES || error == EPERM || error == EISDIR;
}

Status use_path(Init& init, std::string_view name) {
  if (init.executable.set(name).truncated()) return Status(ENAMETOOLONG);
  const int error = check_file(init.executable.c_str());
  if (error == 0) return sys::kOk;
  if (is_directory_or_denied(error)) return denied(init, name);
  if (error == ENOENT || error == ENOTDIR) {
    begin(init, name, FailureKind::kNotFound).add("stat ", name, ": no such file or directory");
    return Status(error);
  }
  init.note.set("executable ", name);
  return Status(error);
}

Status search(Init& init, std::string_view name) {
  std::string_view path = init.plan.search_path;
  while (!path.empty()) {
    const size_t end = path.find(':');
    const std::string_view directory = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    // An empty or relative entry would mean the working directory: not looked in, as with Go's LookPath.
    if (!directory.starts_with('/')) continue;
    if (init.executable.set(directory, "/", name).truncated()) continue;
    if (check_file(init.executable.c_str()) == 0) return sys::kOk;
  }
  return not_found(init, name, "executable file not found in $PATH");
}

// --- why execve failed
// ---------------------------------------------------------------------------------------

struct Machine {
  uint16_t number;
  std::string_view name;
};
constexpr Machine kMachines[] = {
    {EM_X86_64, "amd64"},  {EM_386, "386"},    {EM_AARCH64, "arm64"}, {EM_ARM, "arm"},
    {EM_PPC64, "ppc64le"}, {EM_S390, "s390x"}, {EM_RISCV, "riscv64"}, {EM_MIPS, "mips"},
};
#if defined(__x86_64__)
constexpr uint16_t kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kOwnMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr uint16_t kOwnMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr uint16_t kOwnMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr uint16_t kOwnMachine = EM_S390;
#else
constexpr uint16_t kOwnMachine = EM_NONE;
#endif

std::string_view machine_name(uint16_t number) {
  for (const Machine& machine : kMachines)
    if (machine.number == number) return machine.name;
  return "another architecture";
}

// The beginning of the file, enough for a #! line and for the headers of an ELF file.
struct FileHead {
  char bytes[4096] = {};
  size_t size = 0;

  std::string_view text() const { return {bytes, size}; }
  bool is_elf() const { return size >= sizeof(Elf64_Ehdr) && text().starts_with(ELFMAG); }
  // Headers of other sizes (32 bits) have the machine at the same place.
  uint16_t machine() const {
    uint16_t value = 0;
    std::memcpy(&value, bytes + offsetof(Elf64_Ehdr, e_machine), sizeof value);
    return value;
  }
};

FileHead read_head(const char* path) {
  FileHead head;
  Result<UniqueFd> file = sys::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.ok()) return head;
  Result<size_t> size = sys::read(file->get(), head.bytes, sizeof head.bytes);
  if (size.ok()) head.size = *size;
  return head;
}

// "#! /bin/sh -e" -> "/bin/sh"
std::string_view script_interpreter(const FileHead& head) {
  std::string_view line = head.text();
  if (!line.starts_with("#!")) return {};
  line.remove_prefix(2);
  line = line.substr(0, line.find('\n'));
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  line.remove_prefix(start);
  return line.substr(0, line.find_first_of(" \t"));
}

// The dynamic loader of a 64-bit file (elf(5), PT_INTERP).
std::string_view elf_interpreter(const FileHead& head) {
  if (!head.is_elf() || head.bytes[EI_CLASS] != ELFCLASS64) return {};
  Elf64_Ehdr header;
  std::memcpy(&header, head.bytes, sizeof header);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (header.e_phoff > head.size || at + sizeof(Elf64_Phdr) > head.size) return {};
    Elf64_Phdr program;
    std::memcpy(&program, head.bytes + at, sizeof program);
    if (program.p_type != PT_INTERP) continue;
    if (program.p_offset > head.size || program.p_filesz == 0 ||
        program.p_filesz > head.size - program.p_offset)
      return {};
    return {head.bytes + program.p_offset, program.p_filesz - 1};  // without its NUL
  }
  return {};
}

Status missing_interpreter(Init& init, std::string_view name, const FileHead& head) {
  std::string_view interpreter = script_interpreter(head);
  if (interpreter.empty()) interpreter = elf_interpreter(head);
  Note& text = begin(init, name, FailureKind::kNotFound).add("no such file or directory");
  if (!interpreter.empty()) text.add(" (interpreter \"", interpreter, "\" not found in image)");
  return Status(ENOENT);
}

Status wrong_format(Init& init, std::string_view name, const FileHead& head) {
  Note& text = begin(init, name, FailureKind::kNotExecutable).add("exec format error");
  if (head.is_elf() && head.machine() != kOwnMachine) {
    text.add(" (image is ", machine_name(head.machine()), ", host is ", machine_name(kOwnMachine),
             ", no binfmt handler)");
  } else if (!head.is_elf() && script_interpreter(head).empty()) {
    text.add(" (neither an ELF file nor a script with a #! line)");
  }
  return Status(ENOEXEC);
}

}  // namespace

Status find_executable_in_container(Init& init) {
  const std::string_view name = init.plan.args.owned.front();
  if (name.find('/') != std::string_view::npos) return use_path(init, name);
  return search(init, name);
}

Status explain_exec_failure(Init& init, int error) {
  const std::string_view name = init.plan.args.owned.front();
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return missing_interpreter(init, name, read_head(init.executable.c_str()));
    case ENOEXEC:
    case ELIBBAD:
      return wrong_format(init, name, read_head(init.executable.c_str()));
    case EACCES:
    case EPERM:
      return denied(init, name);
    default:
      init.note.set(name);
      return Status(error);
  }
}

}  // namespace crunlite::runtime
