// SPDX-License-Identifier: Apache-2.0
// The verbs of this program, one function each. They read their own flags, call one layer below, print the
// answer and give the exit code. Errors leave them as exceptions.
#pragma once

#include "cmd/command_line.h"

namespace crunlite::cmd {

int oci_create(const Globals& globals, const Args& args);
int oci_delete(const Globals& globals, const Args& args);
int oci_kill(const Globals& globals, const Args& args);
int oci_list(const Globals& globals, const Args& args);
int oci_run(const Globals& globals, const Args& args);
int oci_start(const Globals& globals, const Args& args);
int oci_state(const Globals& globals, const Args& args);
int features(const Globals& globals, const Args& args);
int spec(const Globals& globals, const Args& args);

}  // namespace crunlite::cmd
