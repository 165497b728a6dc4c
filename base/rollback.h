// SPDX-License-Identifier: Apache-2.0
// Undo steps that run in reverse order unless the whole succeeds. Armed on the line after the acquisition.
// For resources that have a type of their own, use that type instead.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"

namespace crunlite {

class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() { run(); }

  void on_failure(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
  // Everything worked: nothing is undone.
  void commit() { undo_.clear(); }

 private:
  void run() noexcept {
    while (!undo_.empty()) {
      // Teardown goes on whatever fails; the error that started the unwinding is the one that is reported.
      try {
        undo_.back()();
      } catch (const std::exception& error) {
        log::warning(std::string("while undoing: ") + error.what());
      }
      undo_.pop_back();
    }
  }

  std::vector<std::function<void()>> undo_;
};

}  // namespace crunlite
