// SPDX-License-Identifier: Apache-2.0
#include "cmd/grammar.h"

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cmd/output.h"

namespace crunlite::cmd {

bool read_flags(CLI::App& app, const Args& args) {
  try {
    app.parse(Args(args.rbegin(), args.rend()));  // CLI11 takes them from the back
    return true;
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return false;
  } catch (const CLI::ParseError& error) {
    if (app.get_name().empty()) throw Error(ErrorKind::kUsage, error.what());
    throw Error(ErrorKind::kUsage, app.get_name(), ": ", error.what())
        .with_remedy(cat("see `", app.get_name(), " --help`"));
  }
}

Grammar::Grammar(const std::string& command, const std::string& description)
    : app_(std::make_unique<CLI::App>(description, command)) {}

Grammar::~Grammar() = default;

void Grammar::option(const std::string& names, std::string& value, const std::string& type,
                     const std::string& help) {
  app_->add_option(names, value, help)->type_name(type);
}

void Grammar::option(const std::string& names, unsigned& value, const std::string& type,
                     const std::string& help) {
  app_->add_option(names, value, help)->type_name(type);
}

void Grammar::list(const std::string& names, std::vector<std::string>& values, const std::string& type,
                   const std::string& help) {
  app_->add_option(names, values, help)->type_name(type)->allow_extra_args(false);
}

void Grammar::choice(const std::string& names, std::string& value, const std::vector<std::string>& allowed,
                     const std::string& help) {
  app_->add_option(names, value, help)
      ->check(CLI::IsMember(allowed).description(""))
      ->type_name(join(allowed, "|"));
}

void Grammar::flag(const std::string& names, bool& value, const std::string& help) {
  app_->add_flag(names, value, help);
}

void Grammar::hidden_option(const std::string& names, std::string& value) {
  app_->add_option(names, value)->group("");
}

void Grammar::ignored_flag(const std::string& names) {
  app_->add_flag(names)->group("");
}

void Grammar::required(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->required()->type_name("");
}

void Grammar::optional(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->type_name("");
}

bool Grammar::read(const Args& args) {
  return read_flags(*app_, args);
}

void Grammar::help_flag(bool& value) {
  app_->set_help_flag();
  app_->add_flag("-h,--help", value, "print this help");
}

Args Grammar::read_front(const Args& args) {
  app_->prefix_command();
  (void)read(args);
  return app_->remaining();
}

std::string Grammar::first_positional(const Args& rest) const {
  const std::string remedy = cat("see `", app_->get_name(), " --help`");
  if (rest.empty())
    throw Error(ErrorKind::kUsage, app_->get_name(), ": container-id is required").with_remedy(remedy);
  if (rest.front().starts_with('-'))
    throw Error(ErrorKind::kUsage, app_->get_name(), ": unknown flag: ", printable(rest.front()))
        .with_remedy(remedy);
  return rest.front();
}

bool Grammar::given(const std::string& name) const {
  return app_->count(name) > 0;
}

std::string Grammar::help() const {
  return app_->help();
}

}  // namespace crunlite::cmd
