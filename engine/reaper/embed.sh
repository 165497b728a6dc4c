#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh PROGRAM OUTPUT: writes the C++ source that holds PROGRAM's bytes (engine/reaper.h).
set -eu
cat > "$2" <<END
#include "engine/reaper.h"
asm(".pushsection .rodata\n"
    ".balign 16\n"
    "crunlite_reaper_start:\n"
    ".incbin \"$(realpath "$1")\"\n"
    "crunlite_reaper_end:\n"
    ".popsection\n");
extern const char reaper_start[] asm("crunlite_reaper_start");
extern const char reaper_end[] asm("crunlite_reaper_end");
namespace crunlite::engine {
std::string_view reaper_program() {
  return {reaper_start, static_cast<size_t>(reaper_end - reaper_start)};
}
}  // namespace crunlite::engine
END
