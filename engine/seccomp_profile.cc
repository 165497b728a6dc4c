// SPDX-License-Identifier: Apache-2.0
#include "engine/seccomp_profile.h"

#include <algorithm>

#include "base/error.h"
#include "oci/codec.h"

namespace crunlite::engine {
namespace {

#if defined(__x86_64__)
constexpr std::string_view kArchitecture = "SCMP_ARCH_X86_64";
constexpr std::string_view kGoArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view kArchitecture = "SCMP_ARCH_AARCH64";
constexpr std::string_view kGoArchitecture = "arm64";
#else
#error "say what libseccomp and Go call this architecture"
#endif

struct Machine {
  const std::vector<std::string>& capabilities;
  KernelVersion kernel;
};

using Names = std::vector<std::string>;

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "4.8" or "5.10".
bool kernel_at_least(const json::Reader& condition, const Machine& machine) {
  const std::string text = condition.get<std::string>("minKernel", "");
  const size_t dot = text.find('.');
  const auto major = parse_number<int>(text.substr(0, dot));
  const auto minor = parse_number<int>(dot == std::string::npos ? "" : text.substr(dot + 1));
  if (!major || !minor) {
    condition.at("minKernel").problem(cat("expected MAJOR.MINOR, found ", quote(text)));
    return false;
  }
  return machine.kernel >= KernelVersion{*major, *minor};
}

// docker's "includes": all of the capabilities, one of the architectures, at least the kernel.
bool is_included(const json::Reader& rule, const Machine& machine) {
  if (!rule.has("includes")) return true;
  const json::Reader condition = rule.at("includes");
  for (const std::string& capability : condition.get<Names>("caps", {})) {
    if (!contains(machine.capabilities, capability)) return false;
  }
  const Names architectures = condition.get<Names>("arches", {});
  if (!architectures.empty() && !contains(architectures, kGoArchitecture)) return false;
  return !condition.has("minKernel") || kernel_at_least(condition, machine);
}

bool is_excluded(const json::Reader& rule, const Machine& machine) {
  if (!rule.has("excludes")) return false;
  const json::Reader condition = rule.at("excludes");
  for (const std::string& capability : condition.get<Names>("caps", {})) {
    if (contains(machine.capabilities, capability)) return true;
  }
  if (contains(condition.get<Names>("arches", {}), kGoArchitecture)) return true;
  return condition.has("minKernel") && kernel_at_least(condition, machine);
}

// docker's "archMap" for this machine; the spec's "architectures" otherwise.
json::Array architectures(const json::Reader& profile) {
  json::Array out;
  profile.each("archMap", [&](const json::Reader& entry) {
    if (entry.get<std::string>("architecture", "") != kArchitecture) return;
    out.emplace_back(kArchitecture);
    for (const std::string& other : entry.get<Names>("subArchitectures", {})) out.emplace_back(other);
  });
  for (const std::string& name : profile.get<Names>("architectures", {})) out.emplace_back(name);
  return out;
}

// A rule in the spec's form: without the conditions, with "names" where old profiles have "name".
json::Value plain_rule(const json::Reader& rule) {
  json::Object out;
  for (const auto& [key, value] : *rule.value().if_object()) {
    if (key == "includes" || key == "excludes" || key == "comment") continue;
    if (key == "name") {
      out.add("names", json::Array{value});
    } else {
      out.add(key, value);
    }
  }
  return out;
}

json::Object plain_profile(const json::Reader& profile, const Machine& machine) {
  json::Object out;
  for (const auto& [key, value] : *profile.value().if_object()) {
    if (key != "archMap" && key != "syscalls" && key != "architectures") out.add(key, value);
  }
  out.add("architectures", architectures(profile));
  json::Array rules;
  profile.each("syscalls", [&](const json::Reader& rule) {
    if (!rule.value().if_object()) {
      rule.problem(cat("expected object, found ", rule.value().type_name()));
    } else if (is_included(rule, machine) && !is_excluded(rule, machine)) {
      rules.push_back(plain_rule(rule));
    }
  });
  out.add("syscalls", std::move(rules));
  return out;
}

}  // namespace

oci::Seccomp read_seccomp_profile(const json::Value& document, const std::string& name,
                                  const std::vector<std::string>& capabilities, KernelVersion kernel) {
  std::vector<std::string> problems;
  const json::Reader profile(document, problems);
  if (!document.if_object()) {
    throw Error(ErrorKind::kConfig, "seccomp profile ", name, ": expected object, found ",
                document.type_name());
  }
  const json::Object plain = plain_profile(profile, Machine{capabilities, kernel});
  // The decoder of config.json knows this form; only its place in the document has to be made up.
  const json::Value spec = json::Object{
      {"ociVersion", "1.0.2"},
      {"root", json::Object{{"path", "rootfs"}}},
      {"linux", json::Object{{"seccomp", plain}}},
  };
  const oci::Spec decoded = oci::decode_spec(spec, problems);
  if (!problems.empty()) {
    throw Error(ErrorKind::kConfig, "seccomp profile ", name, ":\n", join(problems, "\n"));
  }
  return decoded.linux.seccomp.value_or(oci::Seccomp{});
}

}  // namespace crunlite::engine
