// SPDX-License-Identifier: Apache-2.0
#include "engine/environment.h"

#include "base/error.h"

namespace crunlite::engine {

std::optional<EnvEntry> parse_env(std::string_view text, const LookUpVariable& look_up) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  if (name.empty() || text.find('\0') != std::string_view::npos) {
    constexpr size_t kMostShown = 200;  // of a file given by mistake
    throw Error(ErrorKind::kUsage, "invalid environment variable: ", printable(text.substr(0, kMostShown)));
  }
  if (equals != std::string_view::npos) return EnvEntry{name, std::string(text.substr(equals + 1))};
  const char* value = look_up(name);
  if (!value) return std::nullopt;
  return EnvEntry{name, value};
}

std::vector<EnvEntry> parse_env_file(std::string_view content, const std::string& name,
                                     const LookUpVariable& look_up) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  std::vector<EnvEntry> out;
  size_t number = 0;
  for (std::string_view line : split(content, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::string_view key = line.substr(0, line.find('='));
    if (key.find_first_of(" \t") != std::string_view::npos) {
      throw Error(ErrorKind::kUsage, name, ':', number, ": variable ", quote(key), " contains whitespaces");
    }
    const auto entry = with_context(cat(name, ':', number), [&] { return parse_env(line, look_up); });
    if (entry) out.push_back(*entry);
  }
  return out;
}

std::string* Environment::find(std::string_view name) {
  for (std::string& entry : entries_) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') return &entry;
  }
  return nullptr;
}

void Environment::set(std::string_view name, std::string_view value) {
  if (std::string* entry = find(name)) {
    *entry = cat(name, '=', value);
  } else {
    entries_.push_back(cat(name, '=', value));
  }
}

void Environment::set_default(std::string_view name, std::string_view value) {
  if (!find(name)) set(name, value);
}

void Environment::set_from_image(std::string_view entry) {
  const size_t equals = entry.find('=');
  if (equals == std::string_view::npos || equals == 0 || entry.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::kConfig, "the image's Env holds ", quote(entry), ", which is not NAME=VALUE");
  }
  set(entry.substr(0, equals), entry.substr(equals + 1));
}

}  // namespace crunlite::engine
