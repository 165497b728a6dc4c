// SPDX-License-Identifier: Apache-2.0
#include "engine/config.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "engine/capability_set.h"
#include "engine/defaults.h"
#include "engine/yaml_document.h"
#include "net/address.h"

namespace crunlite::engine {
namespace {

constexpr size_t kMostBytes = 1u << 20;
constexpr const char* kSystemFile = "/etc/crun-lite/config.yaml";

using Apply = void (*)(const YamlNode&, Config&);
struct Key {
  const char* path;
  Apply apply;
};

// The kUsage errors of the shared grammars become a problem at this place in the file.
template <class Parse>
auto parsed(const YamlNode& node, Parse parse) -> decltype(parse(std::string())) {
  try {
    return parse(node.text());
  } catch (const Error& error) {
    node.problem(cat(error.what(), error.remedy().empty() ? "" : cat("; ", error.remedy())));
    return {};
  }
}

std::string absolute_path(const YamlNode& node) {
  std::string path = node.text();
  if (!path.starts_with('/')) node.problem(cat("expected an absolute path, found ", quote(path)));
  return path;
}

std::vector<std::string> capabilities(const YamlNode& node) {
  std::vector<std::string> out;
  for (const YamlNode& item : node.items()) out.push_back(parsed(item, known_capability));
  return out;
}

std::optional<int64_t> memory_limit(const YamlNode& node) {
  const int64_t bytes = parsed(node, parse_size);
  if (bytes > 0 && bytes < kMinimumMemory) node.problem(kTooLittleMemory);
  return bytes;
}

int64_t pids_limit(const YamlNode& node) {
  const auto value = parse_number<int64_t>(node.text());
  if (!value || *value < -1 || *value == 0) {
    node.problem(cat("expected a number of processes or -1, found ", quote(node.text())));
    return -1;
  }
  return *value;
}

NetworkMode network_mode(const YamlNode& node) {
  const std::string text = node.text();
  if (text == "host") return NetworkMode::kHost;
  if (text == "none") return NetworkMode::kNone;
  if (text != "bridge") node.problem(cat("expected bridge, host or none, found ", quote(text)));
  return NetworkMode::kBridge;
}

std::vector<std::string> subnets(const YamlNode& node, net::Family family) {
  std::vector<std::string> out;
  const std::vector<YamlNode> items = node.items();
  if (items.empty() && family == net::Family::kIpv4) node.problem("expected at least one subnet");
  for (const YamlNode& item : items) {
    const auto subnet = net::Subnet::parse(item.text());
    if (!subnet || subnet->base.family() != family) {
      item.problem(cat("expected a subnet like ",
                       family == net::Family::kIpv4 ? "10.219.0.0/16" : "fd00::/64",
                       " (host bits zero), found ", quote(item.text())));
    }
    out.push_back(item.text());
  }
  return out;
}

std::string address(const YamlNode& node) {
  if (!net::Address::parse(node.text())) {
    node.problem(cat("expected an IPv4 or IPv6 address, found ", quote(node.text())));
  }
  return node.text();
}

std::vector<std::string> addresses(const YamlNode& node) {
  std::vector<std::string> out;
  for (const YamlNode& item : node.items()) out.push_back(address(item));
  return out;
}

void read_bridge(const YamlNode& node, Config& config) {
  const std::string name = node.text();
  // IFNAMSIZ with its NUL; what the kernel's dev_valid_name() takes, and what can stand in a rule.
  if (!is_name(name) || name.size() > 15) {
    node.problem(cat("expected the name of an interface (at most 15 characters), found ", quote(name)));
  }
  config.network.bridge = name;
}

void read_mtu(const YamlNode& node, Config& config) {
  const auto mtu = parse_number<uint32_t>(node.text());
  // 1280 is what IPv6 needs (RFC 8200).
  if (!mtu || *mtu < 1280 || *mtu > 65535) {
    node.problem(cat("expected a number of bytes from 1280 to 65535, found ", quote(node.text())));
  }
  config.network.mtu = mtu.value_or(0);
}

void read_env(const YamlNode& node, Config& config) {
  config.run.env.clear();
  for (const YamlNode::Member& member : node.members()) {
    if (member.key.empty() || member.key.find('=') != std::string::npos) {
      member.key_node.problem(cat("not the name of a variable: ", quote(member.key)));
    }
    config.run.env.emplace_back(member.key, member.value.text());
  }
}

void read_ulimits(const YamlNode& node, Config& config) {
  config.run.ulimits.clear();
  for (const YamlNode::Member& member : node.members()) {
    config.run.ulimits.push_back(parsed(
        member.value, [&](const std::string& value) { return parse_ulimit(cat(member.key, '=', value)); }));
  }
}

// HOST[:PORT], as registries are named in references.
void check_registry(const YamlNode& node, const std::string& name) {
  const bool has_space = name.find_first_of(" \t/@") != std::string::npos;
  if (name.empty() || has_space || name.find("://") != std::string::npos) {
    node.problem(cat("expected HOST or HOST:PORT, found ", quote(name)));
  }
}

void read_mirrors(const YamlNode& node, Config& config) {
  config.registries.mirrors.clear();
  for (const YamlNode::Member& member : node.members()) {
    check_registry(member.key_node, member.key);
    for (const YamlNode& item : member.value.items()) {
      check_registry(item, item.text());
      config.registries.mirrors[member.key].push_back(item.text());
    }
  }
}

void read_insecure(const YamlNode& node, Config& config) {
  config.registries.insecure.clear();
  for (const YamlNode& item : node.items()) {
    check_registry(item, item.text());
    config.registries.insecure.push_back(item.text());
  }
}

void read_seccomp(const YamlNode& node, Config& config) {
  const std::string text = node.text();
  if (text != "builtin" && text != "unconfined" && !text.starts_with('/')) {
    node.problem(cat("expected builtin, unconfined or the absolute path of a profile, found ", quote(text)));
  }
  config.run.security.seccomp = text;
}

// One table: reading, the "did you mean" of unknown keys, and the check of docs/config.md.
constexpr Key kKeys[] = {
    {"storage.root", [](const YamlNode& n, Config& c) { c.storage_root = absolute_path(n); }},
    {"state.root", [](const YamlNode& n, Config& c) { c.state_root = absolute_path(n); }},

    {"network.bridge", read_bridge},
    {"network.ipv4-subnets",
     [](const YamlNode& n, Config& c) { c.network.ipv4_subnets = subnets(n, net::Family::kIpv4); }},
    {"network.ipv6-subnets",
     [](const YamlNode& n, Config& c) { c.network.ipv6_subnets = subnets(n, net::Family::kIpv6); }},
    {"network.mtu", read_mtu},
    {"network.publish-address", [](const YamlNode& n, Config& c) { c.publish_address = address(n); }},
    {"network.dns", [](const YamlNode& n, Config& c) { c.run.dns = addresses(n); }},

    {"limits.memory", [](const YamlNode& n, Config& c) { c.run.limits.memory = memory_limit(n); }},
    {"limits.memory-swap",
     [](const YamlNode& n, Config& c) { c.run.limits.memory_swap = parsed(n, parse_size); }},
    {"limits.cpus", [](const YamlNode& n, Config& c) { c.run.limits.nano_cpus = parsed(n, parse_cpus); }},
    {"limits.pids", [](const YamlNode& n, Config& c) { c.run.limits.pids = pids_limit(n); }},

    {"run.init", [](const YamlNode& n, Config& c) { c.run.init = n.boolean(); }},
    {"run.read-only", [](const YamlNode& n, Config& c) { c.run.read_only = n.boolean(); }},
    {"run.hints", [](const YamlNode& n, Config& c) { c.run.hints = n.boolean(); }},
    {"run.network", [](const YamlNode& n, Config& c) { c.run.network = network_mode(n); }},
    {"run.env", read_env},
    {"run.ulimits", read_ulimits},
    {"run.shm-size", [](const YamlNode& n, Config& c) { c.run.shm_size = parsed(n, parse_size); }},
    {"run.cap-add", [](const YamlNode& n, Config& c) { c.run.security.cap_add = capabilities(n); }},
    {"run.cap-drop", [](const YamlNode& n, Config& c) { c.run.security.cap_drop = capabilities(n); }},
    {"run.seccomp", read_seccomp},
    {"run.apparmor", [](const YamlNode& n, Config& c) { c.run.security.apparmor = n.text(); }},
    {"run.no-new-privileges",
     [](const YamlNode& n, Config& c) { c.run.security.no_new_privileges = n.boolean(); }},
    {"run.cgroup-parent", [](const YamlNode& n, Config& c) { c.run.cgroup_parent = n.text(); }},

    {"registries.mirrors", read_mirrors},
    {"registries.insecure", read_insecure},
};

std::string_view section_of(std::string_view path) {
  return path.substr(0, path.find('.'));
}

std::vector<std::string> sections() {
  std::vector<std::string> out;
  for (const Key& key : kKeys) {
    if (out.empty() || out.back() != section_of(key.path)) out.emplace_back(section_of(key.path));
  }
  return out;
}

void unknown_key(const YamlNode::Member& member, const std::string& path,
                 const std::vector<std::string>& known) {
  const std::vector<std::string> near = nearest(path, known, 1);
  member.key_node.problem(
      cat("unknown key ", quote(member.key), near.empty() ? "" : cat("; did you mean ", near[0], "?")));
}

void apply_section(const YamlNode::Member& section, Config& config) {
  for (const YamlNode::Member& member : section.value.members()) {
    const std::string path = cat(section.key, '.', member.key);
    const Key* found = nullptr;
    for (const Key& key : kKeys) {
      if (path == key.path) found = &key;
    }
    if (!found) {
      unknown_key(member, path, config_keys());
    } else if (!member.value.is_null()) {  // "init:" with nothing behind it says nothing
      found->apply(member.value, config);
    }
  }
}

void apply_file(const std::string& path, Config& config) {
  apply_config(read_file(AT_FDCWD, path, kMostBytes), path, config);
}

void apply_file_if_there(const std::string& path, Config& config) {
  if (!sys::stat_at(AT_FDCWD, path.c_str(), 0).ok()) return;
  apply_file(path, config);
}

}  // namespace

void apply_config(std::string_view text, const std::string& name, Config& config) {
  YamlDocument document(text, name);
  Config changed = config;
  const std::vector<std::string> known = sections();
  for (const YamlNode::Member& section : document.root().members()) {
    if (std::find(known.begin(), known.end(), section.key) == known.end()) {
      unknown_key(section, section.key, known);
    } else {
      apply_section(section, changed);
    }
  }
  document.throw_problems();
  config = std::move(changed);
}

ConfigFiles config_files(const LookUpVariable& look_up) {
  const auto variable = [&](const char* name) {
    const char* value = look_up(name);
    return std::string(value ? value : "");
  };
  if (const std::string only = variable("CRUN_LITE_CONFIG"); !only.empty()) return {.only = only};
  ConfigFiles files{.layered = {kSystemFile}};
  std::string home = variable("XDG_CONFIG_HOME");
  if (home.empty() && !variable("HOME").empty()) home = variable("HOME") + "/.config";
  if (!home.empty()) files.layered.push_back(home + "/crun-lite/config.yaml");
  return files;
}

Config load_config(const ConfigFiles& files) {
  Config config;
  if (!files.only.empty()) {
    apply_file(files.only, config);
  } else {
    for (const std::string& path : files.layered) apply_file_if_there(path, config);
  }
  config.network.state_dir = config.state_root + "/net";
  return config;
}

std::vector<std::string> config_keys() {
  std::vector<std::string> out;
  for (const Key& key : kKeys) out.emplace_back(key.path);
  return out;
}

}  // namespace crunlite::engine
