// SPDX-License-Identifier: Apache-2.0
// The verbs of this program, one function each. They read their own flags, call one layer below, print the
// answer and give the exit code. Errors leave them as exceptions.
#pragma once

#include "cmd/command_line.h"

namespace crunlite::cmd {

int oci_checkpoint(const Globals& globals, const Args& args);
int oci_create(const Globals& globals, const Args& args);
int oci_delete(const Globals& globals, const Args& args);
int oci_events(const Globals& globals, const Args& args);
int oci_exec(const Globals& globals, const Args& args);
int oci_kill(const Globals& globals, const Args& args);
int oci_list(const Globals& globals, const Args& args);
int oci_mounts(const Globals& globals, const Args& args);
int oci_pause(const Globals& globals, const Args& args);
int oci_ps(const Globals& globals, const Args& args);
int oci_resume(const Globals& globals, const Args& args);
int oci_restore(const Globals& globals, const Args& args);
int oci_run(const Globals& globals, const Args& args);
int oci_start(const Globals& globals, const Args& args);
int oci_state(const Globals& globals, const Args& args);
int oci_update(const Globals& globals, const Args& args);
// The other door. Reports its errors itself: they have exit codes of their own (125, 126, 127).
int run_image(const Args& args);
// Whether the store of config.yaml has an image of that name.
bool image_exists(const std::string& name);
int features(const Globals& globals, const Args& args);
int install(const Globals& globals, const Args& args);
int spec(const Globals& globals, const Args& args);

}  // namespace crunlite::cmd
