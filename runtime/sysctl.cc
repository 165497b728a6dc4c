// SPDX-License-Identifier: Apache-2.0
#include "runtime/sysctl.h"

#include <sched.h>

#include <algorithm>

#include "base/text.h"

namespace crunlite::runtime {
namespace {

struct Rule {
  std::string_view path;  // a file, or with a final slash everything below it
  int namespace_type;
};

// ipc_namespaces(7), network_namespaces(7), uts_namespaces(7).
constexpr Rule kRules[] = {
    {"fs/mqueue/", CLONE_NEWIPC},
    {"kernel/auto_msgmni", CLONE_NEWIPC},
    {"kernel/msg_next_id", CLONE_NEWIPC},
    {"kernel/msgmax", CLONE_NEWIPC},
    {"kernel/msgmnb", CLONE_NEWIPC},
    {"kernel/msgmni", CLONE_NEWIPC},
    {"kernel/sem", CLONE_NEWIPC},
    {"kernel/sem_next_id", CLONE_NEWIPC},
    {"kernel/shm_next_id", CLONE_NEWIPC},
    {"kernel/shmall", CLONE_NEWIPC},
    {"kernel/shmmax", CLONE_NEWIPC},
    {"kernel/shmmni", CLONE_NEWIPC},
    {"kernel/shm_rmid_forced", CLONE_NEWIPC},
    {"kernel/domainname", CLONE_NEWUTS},
    {"net/", CLONE_NEWNET},
};

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/';
}

// sysctl(8): the first separator decides which of `.` and `/` separates; the other one is part of a name
// ("net.ipv4.conf.eth0/100.rp_filter").
std::string as_path(const std::string& key) {
  const size_t first = key.find_first_of("./");
  if (first == std::string::npos || key[first] == '/') return key;
  std::string path = key;
  for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

bool is_clean(const std::string& path) {
  return std::ranges::all_of(path, is_key_character) &&
         std::ranges::none_of(split(path, '/'), [](std::string_view part) {
           return part.empty() || part == "." || part == "..";
         });
}

bool matches(const Rule& rule, std::string_view path) {
  return rule.path.ends_with('/') ? path.starts_with(rule.path) : path == rule.path;
}

}  // namespace

Sysctl parse_sysctl(const std::string& key, const std::string& value, std::string& problem) {
  const std::string path = as_path(key);
  const auto rule = std::ranges::find_if(kRules, [&](const Rule& r) { return matches(r, path); });
  if (!is_clean(path)) {
    problem = cat("sysctl ", quote(key), ": not the name of a kernel parameter");
  } else if (path == "kernel/hostname") {
    problem = cat("sysctl ", quote(key), " conflicts with hostname; use the member \"hostname\"");
  } else if (rule == std::end(kRules)) {
    problem = cat("sysctl ", quote(key), " is not in a separate kernel namespace");
  } else if (value.find_first_of(std::string_view("\n\0", 2)) != std::string::npos) {
    problem = cat("sysctl ", quote(key), ": the value has a line break or NUL");
  } else {
    return {.path = "sys/" + path, .value = value, .namespace_type = rule->namespace_type, .key = key};
  }
  return {};
}

}  // namespace crunlite::runtime
