// SPDX-License-Identifier: Apache-2.0
#include "base/user_namespace.h"

#include "base/child.h"
#include "base/error.h"

namespace crunlite {
namespace {

void write_map(const Proc& proc, pid_t pid, const char* file, const std::string& text) {
  const std::string path = cat(pid, "/", file);
  check(proc.write_file(path.c_str(), text), "write ", file, " of process ", pid);
}

}  // namespace

bool in_user_namespace(const Proc& proc) {
  const sys::Result<struct stat> self = sys::stat_at(proc.fd(), "self/ns/user", 0);
  return self.ok() && self->st_ino != kInitialUserNamespace;
}

std::string id_map_text(const std::vector<IdRange>& map) {
  std::string text;
  for (const IdRange& range : map) text += cat(range.inside, " ", range.outside, " ", range.size, "\n");
  return text;
}

void write_id_maps(const Proc& proc, pid_t pid, const std::vector<IdRange>& uids,
                   const std::vector<IdRange>& gids, bool deny_setgroups) {
  if (deny_setgroups) write_map(proc, pid, "setgroups", "deny");
  if (!gids.empty()) write_map(proc, pid, "gid_map", id_map_text(gids));
  if (!uids.empty()) write_map(proc, pid, "uid_map", id_map_text(uids));
}

UniqueFd make_user_namespace(const std::vector<IdRange>& uids, const std::vector<IdRange>& gids) {
  // The namespace lives as long as somebody is in it or holds it: its first process waits for the end of our
  // pipe, which never says anything.
  sys::PipeEnds pipe = check(sys::pipe(), "pipe");
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_NEWUSER | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const pid_t pid = check(sys::clone3(args), "create a user namespace for mapped ids");
  if (pid == 0) {
    pipe.write.reset();
    char byte = 0;
    (void)sys::read(pipe.read.get(), &byte, 1);
    _exit(0);
  }
  Child holder(pid, UniqueFd(pidfd));
  const Proc proc = check(Proc::open(), "open a private procfs");
  write_id_maps(proc, pid, uids, gids, false);
  // A magic link of our own process tree: nothing that the container could have replaced.
  return check(sys::open_at(proc.fd(), cat(pid, "/ns/user").c_str(), O_RDONLY), "open the user namespace of ",
               pid);
}

}  // namespace crunlite
