// SPDX-License-Identifier: Apache-2.0
#include "cmd/ps_table.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace crunlite::cmd {
namespace {

constexpr std::string_view kTable =
    "UID          PID    PPID  C STIME TTY          TIME CMD\n"
    "root           1       0  0 10:00 ?        00:00:01 /sbin/init 42\n"
    "root          42       1  0 10:00 ?        00:00:00 sleep 1000\n"
    "nobody      4242       1  0 10:00 ?        00:00:00 sh -c 42\n";

TEST(PsTable, KeepsTheHeadAndTheLinesOfTheProcesses) {
  EXPECT_EQ(lines_of_processes(kTable, {42}),
            "UID          PID    PPID  C STIME TTY          TIME CMD\n"
            "root          42       1  0 10:00 ?        00:00:00 sleep 1000\n");
}

TEST(PsTable, NoProcessesIsTheHeadAlone) {
  EXPECT_EQ(lines_of_processes("  PID CMD\n 1 init\n", {}), "  PID CMD\n");
}

TEST(PsTable, GoesByTheColumnOfPid) {
  EXPECT_EQ(lines_of_processes("CMD PID\n42 7\n7 42\n", {42}), "CMD PID\n7 42\n");
}

TEST(PsTable, ATableWithoutPidsCannotBeUsed) {
  EXPECT_THROW(lines_of_processes("CMD\ninit\n", {1}), Error);
  EXPECT_THROW(lines_of_processes("", {1}), Error);
}

}  // namespace
}  // namespace crunlite::cmd
