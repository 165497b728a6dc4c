// SPDX-License-Identifier: Apache-2.0
// What newcomers run into and no error message tells them: a program that listens where its published port
// does not reach it, one that ignores Ctrl-C, one that the kernel killed for its memory. Reads /proc and the
// memory controller of a container that still exists; changes nothing.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/publish.h"

namespace crunlite::engine {

// One line of /proc/PID/net/tcp or tcp6 in state LISTEN.
struct Listener {
  uint16_t port = 0;
  bool loopback = false;
};
std::vector<Listener> parse_listeners(std::string_view proc_net_tcp);

// For published TCP ports that are listened on at loopback addresses only; nothing when all is well.
std::vector<std::string> loopback_hints(const std::vector<net::PublishedPort>& ports,
                                        const std::vector<Listener>& listeners);

// Whether PID 1 of a namespace gets that signal: only those that it has a handler for or waits for
// (pid_namespaces(7)). `status` is /proc/PID/status. Unreadable: true.
bool handles_signal(std::string_view status, int signal);

// The same, looked up. All give nothing when the process is gone.
std::vector<Listener> listeners_of(pid_t pid);
bool init_handles_signal(pid_t pid, int signal);

// How often the kernel killed a process of this cgroup ("/crun-lite/<id>") for its memory limit.
uint64_t oom_kills(const std::string& cgroup_path);

}  // namespace crunlite::engine
