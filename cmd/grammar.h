// SPDX-License-Identifier: Apache-2.0
// What the verbs share in reading their flags: a thin face of CLI11, which is the slowest header of the tree
// and is therefore seen by grammar.cc alone. A verb builds its grammar when it is called, and only its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/command_line.h"

namespace CLI {
class App;
}

namespace crunlite::cmd {

// For a verb with a grammar that Grammar cannot say. False: help was asked for and has been printed. Throws
// Error(kUsage), which says the name of the app when it has one.
// `--name value`, `--name=value`, `-n value`, `-nvalue` and `-n=value` are the same for every flag, the empty
// value included, and of a flag that takes one value and is given twice the last counts.
bool read_flags(CLI::App& app, const Args& args);

class Grammar {
 public:
  // `command` is what the user types ("crun-lite create"); `description` is the first line of its help.
  Grammar(const std::string& command, const std::string& description);
  ~Grammar();

  // Names are "-b,--bundle"; `type` is what the help calls the value. `--name value` and `--name=value` both
  // work.
  void option(const std::string& names, std::string& value, const std::string& type, const std::string& help);
  void option(const std::string& names, unsigned& value, const std::string& type, const std::string& help);
  // May be given several times, one value each.
  void list(const std::string& names, std::vector<std::string>& values, const std::string& type,
            const std::string& help);
  void choice(const std::string& names, std::string& value, const std::vector<std::string>& allowed,
              const std::string& help);
  void flag(const std::string& names, bool& value, const std::string& help);
  // Not in the help.
  void hidden_option(const std::string& names, std::string& value);
  // Taken for compatibility, without effect and not in the help.
  void ignored_flag(const std::string& names);
  void required(const std::string& name, std::string& value, const std::string& help);
  void optional(const std::string& name, std::string& value, const std::string& help);

  // Reads the arguments (without the verb). False: help was asked for and has been printed. Throws
  // Error(kUsage).
  bool read(const Args& args);

  // Instead of printing the help: says that it was asked for.
  void help_flag(bool& value);
  // For the flags in front of the verb: everything from the first positional on stays unread, and gives it.
  Args read_front(const Args& args);
  // Of what read_front() has given: the first word. Throws Error(kUsage) for a flag that it did not know, and
  // when there is no word.
  std::string first_positional(const Args& rest) const;
  bool given(const std::string& name) const;
  std::string help() const;

  // All that it knows, also what the help does not show; for the test that compares it with cmd/dispatch.cc.
  struct Name {
    std::string name;  // "-b", "--bundle"
    bool takes_value;
  };
  std::vector<Name> names() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace crunlite::cmd
