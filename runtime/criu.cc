// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu.h"

#include <exception>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::runtime {
namespace {

// external pid namespaces (3.15), "status-ready" (3.15)
constexpr CriuVersion kOldest{3, 15, 0};
constexpr size_t kMostAnswer = 64u << 10;
constexpr size_t kMostComplaint = 4096;
constexpr off_t kLogEnd = 256 << 10;
constexpr size_t kMostErrors = 4;

bool has(const CriuFeatures& there, const CriuFeatures& wanted) {
  return (there.mem_track || !wanted.mem_track) && (there.lazy_pages || !wanted.lazy_pages);
}

}  // namespace

Criu::Criu(const CriuProgram& program, const Inherits& inherits)
    : complaints_(check(sys::memfd_create("criu-stderr", MFD_CLOEXEC), "memfd_create")) {
  sys::SocketPair pair = check(sys::socket_pair(SOCK_SEQPACKET), "make a socket for criu");
  SpawnOptions options{.path = program.path,
                       .args = {"criu", "swrk", "3"},
                       .env = program.env,
                       .stdin_fd = inherits.stdio[0],
                       .stdout_fd = inherits.stdio[1],
                       .stderr_fd = inherits.stdio[2] < 0 ? complaints_.get() : inherits.stdio[2],
                       .more_fds = {pair.second.get()},
                       // Half of a dump is nothing, and half of a restore is worse.
                       .outlives_terminal = true};
  options.more_fds.insert(options.more_fds.end(), inherits.fds.begin(), inherits.fds.end());
  child_ = spawn(options);
  socket_ = std::move(pair.first);
}

void Criu::send(const CriuRequest& request) {
  const std::string bytes = encode_criu_request(request);
  const sys::Status sent = sys::send_with_fd(socket_.get(), bytes.data(), bytes.size(), -1);
  // It has ended: what it said before it did is still to be read.
  if (sent.error() != EPIPE && sent.error() != ECONNRESET) check(sent, "talk to criu");
}

CriuAnswer Criu::receive(UniqueFd& fd) {
  std::string buffer(kMostAnswer, '\0');
  sys::Result<sys::Received> received = sys::receive_with_fd(socket_.get(), buffer.data(), buffer.size());
  if (received.error() == ECONNRESET) report_end();
  sys::Received message = check(std::move(received), "wait for criu");
  if (message.size == 0) report_end();
  fd = std::move(message.fd);
  return decode_criu_answer(std::string_view(buffer).substr(0, message.size));
}

void Criu::report_end() {
  const sys::Exit exit = child_.wait();
  char text[kMostComplaint];
  const sys::Result<size_t> size = sys::pread(complaints_.get(), text, sizeof text, 0);
  const std::string words = printable(trim(std::string_view(text, size.ok() ? *size : 0)));
  throw Error(ErrorKind::kSystem, "criu ended without an answer (",
              exit.code == CLD_EXITED ? "exit status " : "signal ", exit.status, ")",
              words.empty() ? "" : ": ", words);
}

CriuAnswer Criu::converse(const Notified& notified) {
  std::exception_ptr problem;
  const auto next = [&](UniqueFd& fd) {
    try {
      return receive(fd);
    } catch (const Error&) {
      if (problem) std::rethrow_exception(problem);  // the reason, not what came of it
      throw;
    }
  };
  for (;;) {
    UniqueFd fd;
    CriuAnswer answer = next(fd);
    if (answer.call != CriuCall::kNotify || !answer.success) {
      if (problem) std::rethrow_exception(problem);
      return answer;
    }
    bool done = !problem;
    if (done && notified) try {
        notified(answer.notification, std::move(fd));
      } catch (const Error&) {
        problem = std::current_exception();
        done = false;
      }
    send({.call = CriuCall::kNotify, .notify_success = done});
  }
}

CriuAnswer Criu::call(const CriuRequest& request, const Notified& notified) {
  send(request);
  CriuAnswer answer = converse(notified);
  // After a pre-dump it waits for the next one; a closed socket is the end of that.
  socket_.reset();
  const sys::Exit exit = child_.wait();
  if (answer.success && exit.shell_code() != 0 && request.call != CriuCall::kPreDump)
    throw Error(ErrorKind::kSystem, "criu said that its ", criu_call_name(request.call),
                " was successful and then failed with ", exit.shell_code());
  return answer;
}

CriuVersion require_criu(const CriuProgram& program) {
  if (program.path.empty())
    throw Error(ErrorKind::kUnsupported, "criu is not installed: no such program in ",
                printable(program.searched))
        .with_remedy("checkpoint and restore need criu 3.15 or later (Debian: package criu)");
  CriuAnswer answer;
  try {
    answer = Criu(program).call({.call = CriuCall::kVersion});
  } catch (const Error& error) {
    throw Error(ErrorKind::kUnsupported, program.path, " does not work: ", error.what());
  }
  if (!answer.success) throw Error(ErrorKind::kUnsupported, program.path, " does not know its version");
  if (answer.version.number() < kOldest.number())
    throw Error(ErrorKind::kUnsupported, program.path, " is criu ", answer.version.major, ".",
                answer.version.minor, ", which is too old: crun-lite needs ", kOldest.major, ".",
                kOldest.minor);
  return answer.version;
}

void require_criu_features(const CriuProgram& program, const CriuFeatures& wanted) {
  const CriuAnswer answer = Criu(program).call({.call = CriuCall::kFeatureCheck, .features = wanted});
  if (!answer.success) throw Error(ErrorKind::kUnsupported, "criu cannot tell what it can do on this kernel");
  if (has(answer.features, wanted)) return;
  const bool memory = wanted.mem_track && !answer.features.mem_track;
  throw Error(
      ErrorKind::kUnsupported, "criu on this kernel cannot ",
      memory ? "track changes of memory, which a pre-dump needs" : "restore pages lazily (userfaultfd(2))");
}

// "(00.045125) Error (criu/vdso.c:584): vdso: Unexpected rt vDSO area bounds"
std::string criu_errors(std::string_view log) {
  std::vector<std::string> found;
  for (const std::string_view line : split(log, '\n')) {
    const size_t at = line.find("Error (");
    if (at != std::string_view::npos) found.push_back(printable(line.substr(at)));
  }
  if (found.size() > kMostErrors) found.erase(found.begin(), found.end() - kMostErrors);
  return join(found, "; ");
}

std::string criu_errors(int dir, const std::string& name) {
  const sys::Result<UniqueFd> file = sys::open_at(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.ok()) return {};
  const sys::Result<struct stat> st = sys::fstat(file->get());
  if (!st.ok() || !S_ISREG(st->st_mode)) return {};
  std::string text(static_cast<size_t>(std::min<off_t>(st->st_size, kLogEnd)), '\0');
  const sys::Result<size_t> got =
      sys::pread(file->get(), text.data(), text.size(), std::max<off_t>(0, st->st_size - kLogEnd));
  return criu_errors(std::string_view(text).substr(0, got.ok() ? *got : 0));
}

}  // namespace crunlite::runtime
