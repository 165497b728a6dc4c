// SPDX-License-Identifier: Apache-2.0
#include "cmd/grammar.h"

#include <CLI/CLI.hpp>
#include <span>

#include "base/error.h"
#include "cmd/output.h"

namespace crunlite::cmd {
namespace {

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_min() > 0;
}

// To Go's flag packages, which our callers are written for, `--name value`, `--name=value`, `-n value`,
// `-nvalue` and `-n=value` are the same, whatever the value. CLI11 takes the next word for the value that
// `--name=` has not got, and "=value" for that of `-n=value`. So each value becomes a word of its own before
// CLI11 sees it: such a word it takes as it is. Where the flags end, so does this: a container's command is
// its own.
class ValuesApart {
 public:
  ValuesApart(const CLI::App& app, const Args& args) : app_(app), rest_(args) {
    while (!rest_.empty() && !flags_end_at(rest_.front())) {
      const std::string word = next();
      if (word.starts_with("--"))
        take_long(word);
      else if (word.starts_with('-'))
        take_short(word);
      else
        out_.push_back(word);
    }
    out_.insert(out_.end(), rest_.begin(), rest_.end());
  }
  const Args& args() const { return out_; }

 private:
  bool flags_end_at(const std::string& word) const {
    return word == "--" || (app_.get_prefix_command() && !word.starts_with('-'));
  }
  std::string next() {
    std::string word = rest_.front();
    rest_ = rest_.subspan(1);
    return word;
  }
  void add_next_as_value() {
    if (!rest_.empty()) out_.push_back(next());
  }

  void take_long(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const CLI::Option* option = app_.get_option_no_throw(name);
    if (!option || equals == std::string::npos) {
      out_.push_back(word);
      if (option && takes_value(*option)) add_next_as_value();
    } else if (takes_value(*option)) {
      out_.insert(out_.end(), {name, word.substr(equals + 1)});
    } else {
      add_switch(name, word.substr(equals + 1));
    }
  }

  // -it is -i -t; a letter whose flag takes a value ends it: -eA=1, -e=A=1, -it -e A=1.
  void take_short(const std::string& word) {
    for (size_t i = 1; i < word.size(); ++i) {
      const std::string name{'-', word[i]};
      const CLI::Option* option = app_.get_option_no_throw(name);
      if (!option) break;  // a negative number, or a mistake: CLI11 says which
      const bool equals = i + 1 < word.size() && word[i + 1] == '=';
      const bool value = takes_value(*option);
      if (!value && !equals) continue;
      if (i > 1) out_.push_back(word.substr(0, i));
      const std::string text = word.substr(equals ? i + 2 : i + 1);
      if (!value) return add_switch(cat("--", option->get_lnames().at(0)), text);
      out_.push_back(name);
      if (equals || !text.empty())
        out_.push_back(text);
      else
        add_next_as_value();
      return;
    }
    out_.push_back(word);
  }

  // CLI11 would take an empty value for true.
  void add_switch(const std::string& name, const std::string& value) {
    if (value.empty()) throw CLI::ValidationError(name, "expected true or false");
    out_.push_back(cat(name, "=", value));
  }

  const CLI::App& app_;
  std::span<const std::string> rest_;
  Args out_;
};

// Of a flag that is given twice Go takes the last; callers put their users' flags behind their own.
void let_the_last_count(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (option->nonpositional() && option->get_items_expected_max() <= 1)
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

}  // namespace

bool read_flags(CLI::App& app, const Args& args) {
  let_the_last_count(app);
  try {
    const ValuesApart apart(app, args);
    app.parse(Args(apart.args().rbegin(), apart.args().rend()));  // CLI11 takes them from the back
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
  // CLI11 makes 0 of nothing.
  const auto not_empty = [](const std::string& text) { return text.empty() ? "expected a number" : ""; };
  app_->add_option(names, value, help)->check(not_empty)->type_name(type);
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

std::vector<Grammar::Name> Grammar::names() const {
  std::vector<Name> out;
  for (const CLI::Option* option : app_->get_options()) {
    for (const std::string& name : option->get_snames()) out.push_back({"-" + name, takes_value(*option)});
    for (const std::string& name : option->get_lnames()) out.push_back({"--" + name, takes_value(*option)});
  }
  return out;
}

}  // namespace crunlite::cmd
