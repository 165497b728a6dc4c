// SPDX-License-Identifier: Apache-2.0
#include "engine/values.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "runtime/rlimit_names.h"

namespace crunlite::engine {
namespace {

constexpr int64_t kNanoPerCpu = 1'000'000'000;

// The position of the letter is the power of 1024.
constexpr std::string_view kSizeUnits = "bkmgtp";

// "nofile" is RLIMIT_NOFILE, as in limits.conf(5).
std::string rlimit_name(std::string_view ulimit) {
  std::string out = "RLIMIT_";
  for (const char c : ulimit) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// A decimal number without sign or exponent; the fraction is kept in billionths. Nothing when it is anything
// else.
struct Decimal {
  int64_t whole = 0;
  int64_t billionths = 0;
};
std::optional<Decimal> parse_decimal(std::string_view text) {
  const size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string fraction(dot == std::string_view::npos ? "0" : text.substr(dot + 1));
  if (fraction.size() > 9) return std::nullopt;
  fraction.resize(9, '0');
  const auto whole_value = parse_number<uint32_t>(whole.empty() ? "0" : whole);
  const auto fraction_value = parse_number<uint32_t>(fraction);
  if (!whole_value || !fraction_value || text == "." || text.empty()) return std::nullopt;
  return Decimal{*whole_value, *fraction_value};
}

std::string_view strip_size_suffix(std::string_view text) {
  if (text.ends_with("ib") && text.size() > 2) return text.substr(0, text.size() - 2);
  const bool unit_before_b =
      text.size() > 1 && std::string_view("kmgtp").find(text[text.size() - 2]) != std::string_view::npos;
  if (text.ends_with('b') && unit_before_b) return text.substr(0, text.size() - 1);
  return text;
}

uint64_t parse_limit_value(std::string_view text, std::string_view whole) {
  if (text == "-1" || text == "unlimited") return UINT64_MAX;  // RLIM_INFINITY
  const auto value = parse_number<uint64_t>(text);
  if (!value) throw Error(ErrorKind::kUsage, "invalid ulimit argument: ", printable(whole));
  return *value;
}

void apply_volume_option(std::string_view option, std::string_view whole, Volume& volume) {
  if (option == "ro" || option == "readonly") {
    volume.readonly = true;
  } else if (option == "nocopy") {
    volume.copy_from_image = false;
  } else if (option == "private" || option == "rprivate" || option == "shared" || option == "rshared" ||
             option == "slave" || option == "rslave") {
    volume.propagation = option;
  } else if (option != "rw" && option != "z" && option != "Z" && option != "consistent" &&
             option != "cached" && option != "delegated" && !option.empty()) {
    // z and Z relabel for SELinux and the last three are Docker Desktop's: without effect here, as there.
    throw Error(ErrorKind::kUsage, "invalid volume specification: '", printable(whole), "': unknown mode \"",
                printable(option), "\"");
  }
}

}  // namespace

int64_t parse_size(std::string_view text) {
  const std::string lower = to_lower(text);
  std::string_view number = strip_size_suffix(lower);
  int shift = 0;
  if (!number.empty()) {
    const size_t unit = kSizeUnits.find(number.back());
    if (unit != std::string_view::npos) {
      shift = static_cast<int>(unit) * 10;
      number = trim(number.substr(0, number.size() - 1));
    }
  }
  const auto whole = parse_number<uint64_t>(number);
  if (whole && *whole <= static_cast<uint64_t>(INT64_MAX) >> shift) {
    return static_cast<int64_t>(*whole << shift);
  }
  const auto decimal = parse_decimal(number);
  if (!decimal || whole) throw Error(ErrorKind::kUsage, "invalid size: '", printable(text), "'");
  const double bytes =
      (static_cast<double>(decimal->whole) + static_cast<double>(decimal->billionths) / 1e9) *
      std::ldexp(1.0, shift);
  if (bytes >= 9e18) throw Error(ErrorKind::kUsage, "invalid size: '", printable(text), "'");
  return static_cast<int64_t>(bytes);
}

int64_t parse_cpus(std::string_view text) {
  const auto decimal = parse_decimal(text);
  if (!decimal) {
    throw Error(ErrorKind::kUsage, "failed to parse ", printable(text), " as a rational number");
  }
  const int64_t nano = decimal->whole * kNanoPerCpu + decimal->billionths;
  if (nano != 0 && nano < kNanoPerCpu / 100) {
    throw Error(ErrorKind::kUsage,
                "range of CPUs is from 0.01 up, as there are no smaller shares: ", printable(text));
  }
  return nano;
}

oci::Rlimit parse_ulimit(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    throw Error(ErrorKind::kUsage, "invalid ulimit argument: ", printable(text));
  }
  const std::string_view name = text.substr(0, equals);
  const std::string_view values = text.substr(equals + 1);
  oci::Rlimit limit{.type = rlimit_name(name)};
  if (!runtime::rlimit_number(limit.type))
    throw Error(ErrorKind::kUsage, "invalid ulimit type: ", printable(name));
  const size_t colon = values.find(':');
  limit.soft = parse_limit_value(values.substr(0, colon), text);
  limit.hard =
      colon == std::string_view::npos ? limit.soft : parse_limit_value(values.substr(colon + 1), text);
  if (limit.soft > limit.hard) {
    throw Error(ErrorKind::kUsage,
                "ulimit soft limit must be less than or equal to hard limit: ", printable(text));
  }
  return limit;
}

Volume parse_volume(std::string_view text, std::string_view working_dir) {
  const std::vector<std::string_view> parts = split(text, ':');
  Volume volume;
  if (parts.size() > 3 || text.empty()) {
    throw Error(ErrorKind::kUsage, "invalid volume specification: '", printable(text), "'");
  }
  volume.destination = parts.size() == 1 ? parts[0] : parts[1];
  if (parts.size() > 1) {
    const std::string_view source = parts[0];
    if (source.starts_with('/')) {
      volume.source = clean_path(source);
    } else if (source == "." || source == ".." || source.find('/') != std::string_view::npos) {
      volume.source = clean_path(cat(working_dir, '/', source));
    } else if (is_name(source)) {
      volume.source = source;
    } else {
      throw Error(ErrorKind::kUsage, "invalid volume specification: '", printable(text), "': ", quote(source),
                  " is neither a path nor a volume's name ([a-zA-Z0-9][a-zA-Z0-9_.-]+)");
    }
  }
  if (parts.size() == 3) {
    for (const std::string_view option : split(parts[2], ',')) apply_volume_option(option, text, volume);
  }
  if (!volume.destination.starts_with('/')) {
    throw Error(ErrorKind::kUsage, "invalid volume specification: '", printable(text),
                "': mount path must be absolute");
  }
  volume.destination = clean_path(volume.destination);
  if (volume.destination == "/") {
    throw Error(ErrorKind::kUsage, "invalid volume specification: '", printable(text),
                "': destination can't be '/'");
  }
  return volume;
}

oci::Mount parse_tmpfs(std::string_view text) {
  const size_t colon = text.find(':');
  oci::Mount mount{.destination = std::string(text.substr(0, colon)), .type = "tmpfs", .source = "tmpfs"};
  if (!mount.destination.starts_with('/')) {
    throw Error(ErrorKind::kUsage, "invalid tmpfs mount '", printable(text),
                "': mount path must be absolute");
  }
  mount.destination = clean_path(mount.destination);
  mount.options = {"noexec", "nosuid", "nodev"};  // docker's default; what follows may say otherwise
  if (colon == std::string_view::npos) return mount;
  for (const std::string_view option : split(text.substr(colon + 1), ',')) {
    if (!option.empty()) mount.options.emplace_back(option);
  }
  return mount;
}

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
      continue;
    }
    kept.push_back(part);
  }
  std::string out;
  for (const std::string_view part : kept) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

bool is_name(std::string_view text) {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.size() < 2 || text.size() > 255 || !is_alnum(text.front())) return false;
  return std::ranges::all_of(text, [&](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace crunlite::engine
