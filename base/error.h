// SPDX-License-Identifier: Apache-2.0
// The parent's errors: what we were doing, to what, why it failed and, where we know it, what to do about it.
// Thrown where it happens, given context while unwinding (with_context), caught once in cmd/main. Never used
// in the child, which returns sys::Status.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/text.h"

namespace crunlite {

// What kind of failure it is: chooses the exit code and how callers classify it.
enum class ErrorKind {
  kUsage,                 // the command line
  kConfig,                // config.json, config.yaml or another document is wrong
  kNotFound,              // no such container, image, file
  kExists,                // the name or id is taken
  kState,                 // the container is not in the state that the operation needs
  kUnsupported,           // known, but this build, kernel or machine cannot do it
  kSystem,                // a system call failed
  kIntegrity,             // a digest, size or archive is not what it says it is
  kCommandNotFound,       // exit 127 (docker's convention)
  kCommandNotExecutable,  // exit 126
};

class Error : public std::runtime_error {
 public:
  template <class... Parts>
  explicit Error(ErrorKind kind, const Parts&... parts) : std::runtime_error(cat(parts...)), kind_(kind) {}

  ErrorKind kind() const { return kind_; }
  // The message with the context that was added on the way up, without the remedy.
  const char* what() const noexcept override {
    return text_.empty() ? std::runtime_error::what() : text_.c_str();
  }
  // What the user can do; empty when we don't know.
  const std::string& remedy() const { return remedy_; }
  Error& with_remedy(std::string remedy) {
    remedy_ = std::move(remedy);
    return *this;
  }
  void prepend(const std::string& context) { text_ = context + ": " + what(); }

 private:
  ErrorKind kind_;
  std::string text_;
  std::string remedy_;
};

// A system call that failed: "mount proc on /proc: Operation not permitted".
class SysError : public Error {
 public:
  template <class... Parts>
  explicit SysError(int error, const Parts&... parts)
      : Error(ErrorKind::kSystem, parts..., ": ", error_text(error)), errno_(error) {}
  int error() const { return errno_; }

 private:
  int errno_;
};

// Turns a failed Result or Status into a SysError. The parts say what was done to what:
// check(sys::mount(src, dst, type, flags, data), "mount ", type, " on ", dst);
template <class... Parts>
void check(sys::Status status, const Parts&... what) {
  if (!status.ok()) throw SysError(status.error(), what...);
}
template <class T, class... Parts>
T check(sys::Result<T> result, const Parts&... what) {
  if (!result.ok()) throw SysError(result.error(), what...);
  return std::move(result).value();
}

// Runs `body` and puts `context` in front of the error that leaves it.
template <class Body>
auto with_context(const std::string& context, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (Error& error) {
    error.prepend(context);
    throw;
  }
}

}  // namespace crunlite
