// SPDX-License-Identifier: Apache-2.0
#include "runtime/hooks.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <climits>

#include "base/child.h"
#include "base/error.h"
#include "base/log.h"
#include "oci/annotations.h"
#include "runtime/init/signals.h"

namespace crunlite::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// The end of what a hook wrote to standard error: enough to see why it failed, whatever else it prints.
class Tail {
 public:
  // False at the end of the stream.
  bool take(int pipe) {
    char chunk[4096];
    const sys::Result<size_t> got = sys::read(pipe, chunk, sizeof chunk);
    if (!got.ok() || *got == 0) return false;
    text_.append(chunk, *got);
    if (text_.size() > kKept) text_.erase(0, text_.size() - kKept);
    return true;
  }
  std::string_view text() const { return trim(text_); }

 private:
  static constexpr size_t kKept = 1024;
  std::string text_;
};

// A file, not a pipe: a hook that does not read its input cannot block us, and none gets SIGPIPE.
UniqueFd input_with(const std::string& text) {
  UniqueFd file = check(sys::memfd_create("state", 0), "make the standard input of a hook");
  check(sys::write_all(file.get(), text), "write the state for a hook");
  check(sys::Status(::lseek(file.get(), 0, SEEK_SET) == -1 ? errno : 0), "rewind the state for a hook");
  return file;
}

constexpr Clock::time_point kNever = Clock::time_point::max();

int milliseconds_left(Clock::time_point deadline) {
  if (deadline == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
}

// Waits for the end of the hook while its standard error is read. Nothing: the deadline has passed.
std::optional<sys::Exit> finish(Child& hook, int pipe, Clock::time_point deadline, Tail& tail) {
  for (;;) {
    pollfd events[] = {{hook.pidfd(), POLLIN, 0}, {pipe, POLLIN, 0}};
    const int ready = ::poll(events, 2, milliseconds_left(deadline));
    if (ready == -1 && errno != EINTR) throw SysError(errno, "wait for a hook");
    if (ready == 0 && Clock::now() >= deadline) return std::nullopt;
    if (events[1].revents && !tail.take(pipe)) pipe = -1;  // poll ignores it from now on
    if (events[0].revents) break;
  }
  // What is still in the pipe; a grandchild that keeps it open is not waited for.
  if (pipe >= 0)
    for (pollfd more{pipe, POLLIN, 0}; ::poll(&more, 1, 0) == 1 && tail.take(pipe);) continue;
  return hook.wait();
}

std::string ending(const sys::Exit& exit) {
  if (exit.code == CLD_EXITED) return cat("exit status ", exit.status);
  return cat("killed by signal ", exit.status, " (", signal_text(exit.status).view(), ")");
}

// What the hooks of one phase have in common.
struct Surroundings {
  std::string state;
  UniqueFd bundle;  // where they start, as with runc and crun; invalid: it is gone
  UniqueFd output;
  UniqueFd errors;  // invalid: kept for the message
};

Surroundings surroundings_of(const oci::State& state) {
  HookOutput output = open_hook_output(state.annotations);
  sys::Result<UniqueFd> bundle = sys::open_at(AT_FDCWD, state.bundle.c_str(), O_PATH | O_DIRECTORY);
  return {.state = json::dump(oci::encode_state(state)),
          .bundle = bundle.ok() ? std::move(*bundle) : UniqueFd(),
          .output = std::move(output.out),
          .errors = std::move(output.err)};
}

void run_hook(const oci::Hook& hook, const Surroundings& with) {
  const UniqueFd input = input_with(with.state);
  sys::PipeEnds errors = check(sys::pipe(), "pipe");
  const Clock::time_point deadline =
      hook.timeout ? Clock::now() + std::chrono::seconds(*hook.timeout) : kNever;
  Child child = spawn({.path = hook.path,
                       .args = hook.args.empty() ? std::vector{hook.path} : hook.args,
                       .env = hook.env,
                       .stdin_fd = input.get(),
                       .stdout_fd = with.output.get(),
                       .stderr_fd = with.errors.valid() ? with.errors.get() : errors.write.get(),
                       .directory_fd = with.bundle.get()});
  errors.write.reset();
  Tail tail;
  const std::optional<sys::Exit> exit = finish(child, errors.read.get(), deadline, tail);
  if (!exit) throw Error(ErrorKind::kSystem, "did not end within ", *hook.timeout, " s");
  if (exit->shell_code() == 0) return;
  const std::string said = tail.text().empty() ? "" : cat(": ", printable(tail.text()));
  throw Error(ErrorKind::kSystem, ending(*exit), said);
}

void run_numbered(std::string_view phase, size_t number, const oci::Hook& hook, const Surroundings& with) {
  with_context(cat("error running ", phase, " hook #", number, ": ", hook.path),
               [&] { run_hook(hook, with); });
}

}  // namespace

HookOutput open_hook_output(const oci::Annotations& annotations) {
  const auto open = [&](std::string_view name) -> UniqueFd {
    const std::string path = oci::annotation(annotations, name);
    if (path.empty()) return {};
    if (!path.starts_with('/'))
      throw Error(ErrorKind::kConfig, "annotation ", name, ": must be an absolute path, is ", quote(path));
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY;
    return check(sys::open_at(AT_FDCWD, path.c_str(), kFlags, 0600), "annotation ", name, ": open ", path);
  };
  return {.out = open(oci::kHooksStdout), .err = open(oci::kHooksStderr)};
}

void run_hooks(std::string_view phase, const std::vector<oci::Hook>& hooks, const oci::State& state) {
  if (hooks.empty()) return;
  const Surroundings with = surroundings_of(state);
  for (size_t i = 0; i < hooks.size(); ++i) run_numbered(phase, i, hooks[i], with);
}

void run_poststop_hooks(const std::vector<oci::Hook>& hooks, const oci::State& state) {
  if (hooks.empty()) return;
  const auto warn = [](auto body) {
    try {
      body();
    } catch (const Error& error) {
      log::warning(error.what());
    }
  };
  warn([&] {
    const Surroundings with = surroundings_of(state);
    for (size_t i = 0; i < hooks.size(); ++i) warn([&] { run_numbered("poststop", i, hooks[i], with); });
  });
}

}  // namespace crunlite::runtime
