// SPDX-License-Identifier: Apache-2.0
// Compiled programs by the hash of all that goes into them. A file is a header, which repeats the hash, and
// the instructions. It is read only from a directory and a file that belong to us and that nobody else can
// write.
#include <seccomp.h>
#include <sha2.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/seccomp.h"

namespace crunlite::runtime {
namespace {

using Hash = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

// Changes whenever the same input should give another program.
constexpr std::string_view kFormat = "crun-lite seccomp 2";

struct Header {
  char magic[8];
  Hash key;
  uint32_t flags;
  uint32_t count;
  uint32_t notifying_flags;
  uint32_t notifying;  // instructions of the second program, behind those of the first
};
constexpr char kMagic[sizeof Header::magic] = {'c', 'r', 'l', 's', 'c', 'm', 'p', '2'};

// Every field goes in with its length in front, so that no two inputs look the same ("ab" "c", "a" "bc").
class KeyBuilder {
 public:
  KeyBuilder() { ::SHA256Init(&context_); }
  void add(std::string_view text) {
    add(text.size());
    ::SHA256Update(&context_, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
  void add(uint64_t number) {
    ::SHA256Update(&context_, reinterpret_cast<const uint8_t*>(&number), sizeof number);
  }
  void add(const std::optional<uint32_t>& number) { add(number ? uint64_t{*number} : UINT64_MAX); }
  void add(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const std::string& text : texts) add(text);
  }
  Hash finish() {
    Hash hash;
    ::SHA256Final(hash.data(), &context_);
    return hash;
  }

 private:
  SHA2_CTX context_{};
};

Hash key_of(const oci::Seccomp& profile) {
  struct utsname kernel {};
  ::uname(&kernel);
  const scmp_version* library = ::seccomp_version();
  KeyBuilder key;
  key.add(kFormat);
  key.add(CRUNLITE_VERSION);
  key.add(kernel.release);
  key.add(kernel.machine);
  for (const unsigned part : {library->major, library->minor, library->micro}) key.add(uint64_t{part});
  key.add(static_cast<uint64_t>(profile.default_action));
  key.add(profile.default_errno_ret);
  key.add(profile.architectures);
  key.add(profile.flags);
  key.add(uint64_t{profile.flags_absent});
  key.add(profile.rules.size());
  for (const oci::SeccompRule& rule : profile.rules) {
    key.add(rule.names);
    key.add(static_cast<uint64_t>(rule.action));
    key.add(rule.errno_ret);
    key.add(rule.args.size());
    for (const oci::SeccompArg& arg : rule.args) {
      key.add(uint64_t{arg.index});
      key.add(arg.value);
      key.add(arg.value_two);
      key.add(static_cast<uint64_t>(arg.op));
    }
  }
  return key.finish();
}

std::string hex(const Hash& hash) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : hash) out += {kDigits[byte >> 4], kDigits[byte & 0xf]};
  return out;
}

// Ours, and writable for nobody else.
bool trustworthy(int fd, mode_t type) {
  const sys::Result<struct stat> st = sys::fstat(fd);
  return st.ok() && (st->st_mode & S_IFMT) == type && st->st_uid == ::geteuid() && (st->st_mode & 0077) == 0;
}

std::optional<SeccompProgram> load(int dir, const Hash& key) {
  const sys::Result<UniqueFd> file = sys::open_at(dir, hex(key).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.ok() || !trustworthy(file->get(), S_IFREG)) return std::nullopt;
  constexpr size_t kLimit = sizeof(Header) + size_t{2} * BPF_MAXINSNS * sizeof(sock_filter);
  const std::string content = read_fd(file->get(), "seccomp cache", kLimit);
  Header header{};
  if (content.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, content.data(), sizeof header);
  const size_t size = size_t{header.count} * sizeof(sock_filter);
  const size_t notifying = size_t{header.notifying} * sizeof(sock_filter);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.key != key || header.count == 0 ||
      content.size() != sizeof header + size + notifying)
    return std::nullopt;
  SeccompProgram program{.instructions = std::vector<sock_filter>(header.count),
                         .flags = header.flags,
                         .notifying = std::vector<sock_filter>(header.notifying),
                         .notifying_flags = header.notifying_flags};
  std::memcpy(program.instructions.data(), content.data() + sizeof header, size);
  if (notifying) std::memcpy(program.notifying.data(), content.data() + sizeof header + size, notifying);
  return program;
}

void save(int dir, const Hash& key, const SeccompProgram& program) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.key = key;
  header.flags = program.flags;
  header.count = static_cast<uint32_t>(program.instructions.size());
  header.notifying_flags = program.notifying_flags;
  header.notifying = static_cast<uint32_t>(program.notifying.size());
  std::string content(reinterpret_cast<const char*>(&header), sizeof header);
  for (const std::vector<sock_filter>* part : {&program.instructions, &program.notifying})
    content.append(reinterpret_cast<const char*>(part->data()), part->size() * sizeof(sock_filter));
  write_file_atomic(dir, hex(key), content, 0600, Durability::kRename);
}

// Nothing when there is no directory that can be trusted.
std::optional<UniqueFd> open_cache(const std::string& path) {
  UniqueFd dir = make_own_dirs(path, 0700);
  if (!trustworthy(dir.get(), S_IFDIR)) return std::nullopt;
  return dir;
}

}  // namespace

SeccompProgram compile_seccomp_cached(const oci::Seccomp& profile, const std::string& cache_dir) {
  const Hash key = key_of(profile);
  std::optional<UniqueFd> dir;
  try {
    dir = open_cache(cache_dir);
    if (dir) {
      if (std::optional<SeccompProgram> cached = load(dir->get(), key)) return std::move(*cached);
    }
  } catch (const Error& error) {
    log::debug(cat("seccomp cache: ", error.what()));
  }
  SeccompProgram program = compile_seccomp(profile);
  try {
    if (dir) save(dir->get(), key, program);
  } catch (const Error& error) {
    log::debug(cat("seccomp cache: ", error.what()));
  }
  return program;
}

}  // namespace crunlite::runtime
