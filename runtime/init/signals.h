// SPDX-License-Identifier: Apache-2.0
// Signal dispositions by the raw call: glibc's sigaction refuses two signals that it keeps for threads. And
// what a signal is called in a message.
#pragma once

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/note.h"
#include "base/result.h"

namespace crunlite::runtime {

// `handler` is SIG_DFL, SIG_IGN, or a function that does not return.
inline sys::Status set_disposition(int signal, void (*handler)(int)) {
  // x86-64 delivers nothing to a handler without a restorer, which is for those that return.
  constexpr unsigned long kHasRestorer = 0x04000000;
  // The kernel's layout (rt_sigaction(2)).
  const struct {
    void (*handler)(int) = nullptr;
    unsigned long flags = kHasRestorer;
    void (*restorer)() = nullptr;
    uint64_t mask = 0;
  } action{handler};
  return ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask) == -1 ? sys::fail()
                                                                                         : sys::kOk;
}

// "bad system call"; empty for a number that is none.
inline FixedText<64> signal_text(int signal) {
  FixedText<64> out;
  const char* text = ::sigdescr_np(signal);
  if (!text || !*text) return out;
  const char first = *text >= 'A' && *text <= 'Z' ? static_cast<char>(*text - 'A' + 'a') : *text;
  return out.add(std::string_view(&first, 1), std::string_view(text + 1));
}

}  // namespace crunlite::runtime
