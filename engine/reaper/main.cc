// SPDX-License-Identifier: Apache-2.0
// The program that --init puts in front of the container's own as PID 1: it passes signals on, reaps orphans
// and ends with its child's exit code. PID 1 gets no signal that it has no handler for and inherits every
// orphan (pid_namespaces(7)); programs that were not written for that neither stop nor clean up.
//
//   crun-lite-init -- PROGRAM [ARGUMENT]...
//
// Static and self-contained: it runs in the image's root file system, where nothing of ours exists.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

namespace {

constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

void say(const char* a, const char* b, const char* c) {
  for (const char* text : {"crun-lite-init: ", a, b, c, "\n"}) {
    if (::write(STDERR_FILENO, text, ::strlen(text)) < 0) return;
  }
}

// Does not come back.
void become_program(char** argv, const sigset_t& signals) {
  // A process group of its own, in the foreground of the terminal if there is one: Ctrl-C then reaches it
  // from the terminal, and not once more through us.
  (void)::setpgid(0, 0);
  (void)::tcsetpgrp(STDIN_FILENO, ::getpid());
  (void)::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::execvp(argv[0], argv);
  say("exec ", argv[0], errno == ENOENT ? ": executable file not found in $PATH" : ": permission denied");
  ::_exit(errno == ENOENT ? kNotFound : kNotExecutable);
}

// The exit code if `program` was among those that have ended, else -1.
int reap(pid_t program) {
  int code = -1;
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended <= 0) return code;
    if (ended == program) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

int serve(pid_t program, const sigset_t& all) {
  for (;;) {
    const int signal = ::sigwaitinfo(&all, nullptr);
    if (signal == SIGCHLD) {
      const int code = reap(program);
      if (code >= 0) return code;
    } else if (signal > 0 && signal != SIGTTIN && signal != SIGTTOU) {
      (void)::kill(program, signal);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || ::strcmp(argv[1], "--") != 0) {
    say("usage: ", argc > 0 ? argv[0] : "crun-lite-init", " -- PROGRAM [ARGUMENT]...");
    return kNotExecutable;
  }
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t program = ::fork();
  if (program < 0) {
    say("fork: ", ::strerror(errno), "");
    return kNotExecutable;
  }
  if (program == 0) become_program(argv + 2, before);
  return serve(program, all);
}
