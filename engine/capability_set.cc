// SPDX-License-Identifier: Apache-2.0
#include "engine/capability_set.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "engine/defaults.h"
#include "runtime/capabilities.h"

namespace crunlite::engine {
namespace {

int number_of(const std::string& name) {
  if (const auto number = runtime::capability_number(name)) return *number;
  std::string wanted = name;
  std::ranges::transform(wanted, wanted.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (!wanted.starts_with("CAP_")) wanted = "CAP_" + wanted;
  const std::vector<std::string> near = nearest(wanted, runtime::capability_names(), 1);
  Error error(ErrorKind::kUsage, "invalid capability: unknown capability: ", quote(name));
  if (!near.empty()) error.with_remedy(cat("did you mean ", near[0], "?"));
  throw error;
}

bool is_all(const std::string& name) {
  return to_lower(name) == "all";
}

std::set<int> numbers_of(const std::vector<std::string>& names, const std::set<int>& all) {
  std::set<int> out;
  for (const std::string& name : names) {
    if (is_all(name)) {
      out.insert(all.begin(), all.end());
    } else {
      out.insert(number_of(name));
    }
  }
  return out;
}

bool names_all(const std::vector<std::string>& names) {
  return std::ranges::any_of(names, is_all);
}

}  // namespace

std::string known_capability(const std::string& name) {
  if (!is_all(name)) (void)number_of(name);
  return name;
}

std::vector<std::string> choose_capabilities(const SecurityOptions& options,
                                             const std::vector<std::string>& available) {
  std::set<int> all;
  for (const std::string& name : available) all.insert(number_of(name));
  const std::set<int> add = numbers_of(options.cap_add, all);
  const std::set<int> drop = numbers_of(options.cap_drop, all);

  // docker's order: ALL is a base, single names win over it in either direction.
  std::set<int> chosen;
  if (options.privileged || names_all(options.cap_add)) {
    chosen = all;
  } else if (!names_all(options.cap_drop)) {
    chosen = numbers_of(default_capabilities(), all);
  }
  if (!names_all(options.cap_drop)) {
    for (const int number : drop) chosen.erase(number);
  }
  if (!names_all(options.cap_add)) chosen.insert(add.begin(), add.end());

  std::vector<std::string> out;
  for (const int number : chosen) out.emplace_back(runtime::capability_name(number));
  return out;
}

}  // namespace crunlite::engine
