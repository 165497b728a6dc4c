// SPDX-License-Identifier: Apache-2.0
// `run`: create, start, and in the foreground stay until it ends and delete it. And the same for what
// `restore` makes.
#include "base/error.h"
#include "base/log.h"
#include "runtime/checkpoint.h"
#include "runtime/foreground.h"
#include "runtime/notify_socket.h"
#include "runtime/runtime.h"
#include "runtime/state_dir.h"

namespace crunlite::runtime {
namespace {

// Deletes the container when `run` is done with it, however that comes about.
class DeleteAtEnd {
 public:
  DeleteAtEnd(const Ref& container, bool keep) : container_(container), keep_(keep) {}
  DeleteAtEnd(const DeleteAtEnd&) = delete;
  DeleteAtEnd& operator=(const DeleteAtEnd&) = delete;
  ~DeleteAtEnd() {
    if (keep_) return;
    try {
      remove(container_, Force::kYes);
    } catch (const Error& error) {
      log::warning(cat("delete ", container_.id, ": ", error.what()));
    }
  }
  void keep() { keep_ = true; }

 private:
  const Ref& container_;
  bool keep_;
};

int run_detached(const RunOptions& options) {
  Child init = create(options.create);
  DeleteAtEnd cleanup(options.create.container, false);
  start(options.create.container, options.create.notify_socket);
  init.detach();
  cleanup.keep();
  return 0;
}

// The master that create() sent to our own end of the console socket; nothing when there is no terminal.
std::optional<UniqueFd> received_console(const sys::SocketPair& console) {
  char name[64];
  sys::Result<sys::Received> message = sys::receive_with_fd(console.first.get(), name, sizeof name);
  if (!message.ok() || !message->fd.valid()) return std::nullopt;
  return std::move(message->fd);
}

// What a container in the foreground is begun with. The proxy is there once it has a terminal.
struct Beginning {
  // Makes the container.
  std::function<Child(const CreateOptions&)> make;
  // Lets it run, if it does not already.
  std::function<void()> start;
};

int stay(const RunOptions& options, const Beginning& beginning) {
  if (!options.create.console_socket.empty())
    throw Error(ErrorKind::kUsage, "cannot use console socket if crun-lite will not detach or allocate tty");
  SignalQueue signals;
  if (options.subreaper) become_subreaper();
  const sys::SocketPair console =
      check(sys::socket_pair(SOCK_STREAM | SOCK_NONBLOCK), "make a console socket");
  CreateOptions create_options = options.create;
  create_options.console_fd = console.second.get();

  Child init = beginning.make(create_options);
  const DeleteAtEnd cleanup(options.create.container, options.keep);
  std::optional<TerminalProxy> proxy;
  if (std::optional<UniqueFd> master = received_console(console))
    proxy.emplace(std::move(*master), STDIN_FILENO, STDOUT_FILENO);
  // We stay, and are the service's main process.
  NotifySocket notify(StateDir::open(options.create.container).fd(), options.create.notify_socket,
                      MainPid::kKeep);
  try {
    beginning.start();
  } catch (const Error&) {
    if (proxy) proxy->finish();  // what a startContainer hook has said
    throw;
  }
  return stay_with(init, signals, proxy ? &*proxy : nullptr, &notify).shell_code();
}

}  // namespace

int run(const RunOptions& options) {
  if (options.detach) return run_detached(options);
  return stay(options, {.make = [](const CreateOptions& create_options) { return create(create_options); },
                        .start = [&] { start(options.create.container); }});
}

int run_restored(const RestoreOptions& options) {
  if (options.detach) {
    restore(options).detach();
    return 0;
  }
  RestoreOptions in_foreground = options;
  return stay({.create = options.create, .subreaper = options.subreaper},
              {.make =
                   [&](const CreateOptions& create_options) {
                     in_foreground.create = create_options;
                     return restore(in_foreground);
                   },
               .start = [] {}});
}

}  // namespace crunlite::runtime
