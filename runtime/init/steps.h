// SPDX-License-Identifier: Apache-2.0
// The steps of the child, by the file that has them. Each does one thing of the plan or nothing, and on
// failure leaves in init.note what it was working on. Their order is the table in init.cc.
#pragma once

#include "runtime/init/init.h"

namespace crunlite::runtime::steps {

using sys::Status;

// session.cc: what is inherited from the caller and must not be
Status close_descriptors(Init& init);
Status close_what_is_not_needed(Init& init);
Status adopt_stdio(Init& init);
Status reset_signals(Init& init);
Status die_with_parent(Init& init);
Status start_session(Init& init);
Status join_keyring(Init& init);

// namespaces.cc
Status join_namespaces(Init& init);
Status continue_in_user_namespace(Init& init);
Status set_time_offsets(Init& init);
Status wait_for_id_maps(Init& init);
Status become_root(Init& init);
Status hide_from_container(Init& init);
Status wait_for_cgroup(Init& init);
Status unshare_late(Init& init);
Status set_hostname(Init& init);
Status set_domainname(Init& init);
Status bring_up_loopback(Init& init);
Status write_sysctls(Init& init);

// root.cc
Status set_propagation(Init& init);
Status prepare_root(Init& init);
Status mount_first(Init& init);
Status mount_rest(Init& init);
Status make_devices(Init& init);
Status make_links(Init& init);
Status run_runtime_hooks(Init& init);
Status run_create_container_hooks(Init& init);
Status enter_root(Init& init);
Status make_paths_read_only(Init& init);
Status mask_paths(Init& init);
Status finish_read_only(Init& init);

// stdio.cc
Status set_up_console(Init& init);
Status take_terminal();  // not a step: standard input is the terminal of this session from now on
Status replace_null_stdio(Init& init);
Status own_stdio(Init& init);

// process.cc
Status apply_apparmor(Init& init);
Status apply_selinux(Init& init);
Status enter_working_directory(Init& init);
Status verify_working_directory(Init& init);
Status raise_rlimits(Init& init);
Status lower_rlimits(Init& init);
Status set_personality(Init& init);
Status set_umask(Init& init);

// scheduling.cc
Status set_scheduler(Init& init);
Status set_io_priority(Init& init);
Status set_memory_policy(Init& init);

// credentials.cc
Status drop_bounding(Init& init);
Status set_groups(Init& init);
Status set_user(Init& init);
Status set_capabilities(Init& init);
Status set_no_new_privileges(Init& init);

// filter.cc
Status load_seccomp_before_entering(Init& init);
Status load_notifying_filter(Init& init);
Status load_seccomp(Init& init);

// program.cc
Status look_up_home(Init& init);
Status find_executable(Init& init);
Status enter_pid_namespace(Init& init);  // pid_namespace.cc
Status tell_listen_pid(Init& init);
Status report_ready(Init& init);
Status wait_for_start(Init& init);
Status require_program(Init& init);
Status run_start_container_hooks(Init& init);
Status execute(Init& init);

}  // namespace crunlite::runtime::steps
