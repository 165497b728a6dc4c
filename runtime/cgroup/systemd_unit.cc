// SPDX-License-Identifier: Apache-2.0
// systemd.unit(5), "String Escaping for Inclusion in Unit Names"; systemd.slice(5).
#include "runtime/cgroup/systemd_unit.h"

#include "base/error.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

constexpr size_t kLongestName = 255;

bool unit_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":_.-").find(c) != std::string_view::npos;
}

Error bad_path(const std::string& path, std::string_view why) {
  Error error(ErrorKind::kConfig, "linux.cgroupsPath: ", quote(path), " ", why);
  error.with_remedy(
      "for the systemd cgroup manager it has the form slice:prefix:name, as in system.slice:web:1");
  return error;
}

}  // namespace

std::string escape_unit_name(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : name) {
    if (unit_character(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string slice_path(std::string_view slice) {
  constexpr std::string_view kSuffix = ".slice";
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::kConfig, "invalid slice name ", quote(slice), ": ", why);
  };
  if (!slice.ends_with(kSuffix) || slice.size() == kSuffix.size()) refuse("it has to end in .slice");
  std::string_view stem = slice.substr(0, slice.size() - kSuffix.size());
  if (stem == "-") return "";
  for (const char c : stem) {
    if (!unit_character(c) && c != '\\') refuse("it has a character that no unit's name may have");
  }
  std::string path;
  std::string prefix;
  for (const std::string_view part : split(stem, '-')) {
    if (part.empty()) refuse("each dash goes one slice deeper, so there is a name on both sides of it");
    prefix += cat(prefix.empty() ? "" : "-", part);
    path += cat("/", prefix, kSuffix);
  }
  return path;
}

SystemdUnit plan_unit(const std::string& spec_path, const std::string& id, const SystemdAccess& access) {
  SystemdUnit unit{.access = access, .name = {}, .slice = access.user ? "user.slice" : "system.slice"};
  std::string prefix = "crun-lite";
  std::string name = id;
  if (!spec_path.empty()) {
    const std::vector<std::string_view> parts = split(spec_path, ':');
    if (parts.size() != 3) throw bad_path(spec_path, "is not of the form slice:prefix:name");
    if (!parts[0].empty()) unit.slice = parts[0];
    // With a path given, an empty prefix is none: CRI-O and podman name such units themselves.
    prefix = parts[1];
    if (!parts[2].empty()) name = parts[2];
  }
  if (name.ends_with(".slice")) throw bad_path(spec_path, "names a slice: a container runs in a scope");
  (void)slice_path(unit.slice);
  unit.name = cat(escape_unit_name(prefix), prefix.empty() ? "" : "-", escape_unit_name(name), ".scope");
  if (unit.name.size() > kLongestName)
    throw bad_path(spec_path, cat("makes a unit name of more than ", kLongestName, " characters"));
  return unit;
}

json::Value encode_unit(const SystemdUnit& unit) {
  const std::vector<std::string>& addresses = unit.access.addresses;
  return json::Object{{"name", unit.name},
                      {"slice", unit.slice},
                      {"subgroup", unit.subgroup},
                      {"user", unit.access.user},
                      {"helper", unit.access.helper},
                      {"addresses", json::Array(addresses.begin(), addresses.end())}};
}

SystemdUnit decode_unit(const json::Reader& reader) {
  return {.access = {.helper = reader.require<std::string>("helper"),
                     .user = reader.get("user", false),
                     .addresses = reader.require<std::vector<std::string>>("addresses")},
          .name = reader.require<std::string>("name"),
          .slice = reader.require<std::string>("slice"),
          .subgroup = reader.get<std::string>("subgroup", "")};
}

}  // namespace crunlite::runtime
