// SPDX-License-Identifier: Apache-2.0
// What a system call gives back: a value or an errno. The child returns these upwards; the parent turns them
// into exceptions with check() (base/error.h). No allocation, no exceptions.
#pragma once

#include <cerrno>
#include <utility>

namespace crunlite::sys {

// An errno on its own; 0 is success. Converts from nothing by accident: `return fail();` or `return kOk;`.
class [[nodiscard]] Status {
 public:
  constexpr Status() = default;
  explicit constexpr Status(int error) : error_(error) {}
  constexpr bool ok() const { return error_ == 0; }
  constexpr int error() const { return error_; }

 private:
  int error_ = 0;
};

inline constexpr Status kOk{};

// The errno of the call that has just failed.
inline Status fail() {
  return Status(errno);
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): `return fd;` reads well
  Result(Status status) : error_(status.error()) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return error_ == 0; }
  int error() const { return error_; }
  Status status() const { return Status(error_); }
  // Only after ok().
  T& value() & { return value_; }
  const T& value() const& { return value_; }
  T&& value() && { return std::move(value_); }
  T& operator*() { return value_; }
  const T& operator*() const { return value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  T value_{};
  int error_ = 0;
};

}  // namespace crunlite::sys
