// SPDX-License-Identifier: Apache-2.0
// Signal dispositions by the raw call: glibc's sigaction refuses two signals that it keeps for threads.
#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/result.h"

namespace crunlite::runtime {

// `handler` is SIG_DFL or SIG_IGN.
inline sys::Status set_disposition(int signal, void (*handler)(int)) {
  // The kernel's layout (rt_sigaction(2)).
  const struct {
    void (*handler)(int) = nullptr;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    uint64_t mask = 0;
  } action{handler};
  return ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask) == -1 ? sys::fail()
                                                                                         : sys::kOk;
}

}  // namespace crunlite::runtime
