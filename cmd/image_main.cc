// SPDX-License-Identifier: Apache-2.0
// crun-lite-image: the verbs that read archives, kept in a program of its own because of the libraries they
// need and the data they parse (docs/architecture.md). crun-lite execs it with its own arguments.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cmd/load.h"
#include "cmd/output.h"
#include "image/store.h"

namespace crunlite::cmd {
namespace {

struct Verb {
  std::string_view name;
  int (*run)(const std::string& store_root, const std::vector<std::string>& args);
};
constexpr Verb kVerbs[] = {{"load", load}};

// Takes `--store DIR` and `--store=DIR` out of what stands before the verb.
std::string take_store(std::vector<std::string>& args) {
  std::string root = image::kDefaultRoot;
  while (!args.empty() && args.front().starts_with("--store")) {
    const size_t equals = args.front().find('=');
    if (equals != std::string::npos) {
      root = args.front().substr(equals + 1);
    } else {
      args.erase(args.begin());
      if (args.empty()) break;
      root = args.front();
    }
    args.erase(args.begin());
  }
  if (root.empty() || root[0] != '/') throw Error(ErrorKind::kUsage, "--store needs an absolute path");
  return root;
}

int run(std::vector<std::string> args) {
  const std::string root = take_store(args);
  if (args.empty()) throw Error(ErrorKind::kUsage, "crun-lite-image: no verb given");
  const std::string verb = args.front();
  args.erase(args.begin());
  for (const Verb& known : kVerbs)
    if (known.name == verb) return known.run(root, args);
  throw Error(ErrorKind::kUsage, "crun-lite-image: unknown verb ", quote(verb));
}

// Says what went wrong, once, with what can be done about it.
int fail(const std::string& message, const std::string& remedy) {
  log::error(remedy.empty() ? message : cat(message, "; ", remedy));
  return 1;
}

}  // namespace
}  // namespace crunlite::cmd

int main(int argc, char** argv) {
  // What the store holds is for its owner alone, whatever the caller's umask.
  ::umask(0077);
  try {
    return crunlite::cmd::run({argv + 1, argv + argc});
  } catch (const crunlite::Error& error) {
    return crunlite::cmd::fail(error.what(), crunlite::cmd::remedy_of(error));
  } catch (const std::exception& error) {
    return crunlite::cmd::fail(error.what(), "");
  }
}
