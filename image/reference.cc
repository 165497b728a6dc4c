// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include <algorithm>

#include "base/error.h"

namespace crunlite::image {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDomain = "index.docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr size_t kMaxPath = 255;
constexpr size_t kMaxTag = 128;

[[noreturn]] void invalid(std::string_view why = "") {
  throw Error(ErrorKind::kUsage, "invalid reference format", why.empty() ? "" : ": ", why);
}

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// [a-z0-9]+ { ("." | "_" | "__" | "-"+) [a-z0-9]+ }
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower(text.front()) || !is_lower(text.back())) return false;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789")));
    const size_t length = std::min(text.size(), text.find_first_of("abcdefghijklmnopqrstuvwxyz0123456789"));
    const std::string_view separator = text.substr(0, length);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_dns_component(std::string_view text) {
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// host [":" port]; host is a DNS name, an IPv4 address or "[" IPv6 "]".
bool is_domain(std::string_view text) {
  size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    if (text.substr(1, close - 1).find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos)
      return false;
    host_end = close + 1 == text.size() ? std::string_view::npos : close + 1;
  } else {
    for (const std::string_view component : split(text.substr(0, host_end), '.'))
      if (!is_dns_component(component)) return false;
  }
  if (host_end == std::string_view::npos) return true;
  const std::string_view port = text.substr(host_end + 1);
  return text[host_end] == ':' && !port.empty() &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

// digest.Parse of opencontainers/go-digest, which also knows the longer hashes.
void check_digest(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) invalid();
  const std::string_view algorithm = text.substr(0, colon);
  const std::string_view hex = text.substr(colon + 1);
  const size_t wanted = algorithm == "sha256"   ? 64
                        : algorithm == "sha384" ? 96
                        : algorithm == "sha512" ? 128
                                                : 0;
  if (wanted == 0) throw Error(ErrorKind::kUsage, "unsupported digest algorithm");
  if (hex.size() != wanted) throw Error(ErrorKind::kUsage, "invalid checksum digest length");
  if (!is_hex(hex)) invalid();
}

// docker's rule for whether the first component is a registry.
bool looks_like_domain(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos ||
         to_lower(first) != first;
}

void split_domain(std::string_view text, Reference& out, std::string& rest) {
  const size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  if (slash != std::string_view::npos && looks_like_domain(first)) {
    out.domain = first == kLegacyDomain ? kDefaultDomain : first;
    rest = text.substr(slash + 1);
  } else {
    out.domain = kDefaultDomain;
    rest = text;
  }
  // "python" and "docker.io/python" are library/python; a tag or digest has no slash.
  if (out.domain == kDefaultDomain && rest.find('/') == std::string::npos) rest.insert(0, kOfficial);
}

}  // namespace

std::string Reference::familiar_name() const {
  if (domain != kDefaultDomain) return name();
  const std::string_view rest =
      std::string_view(path).substr(path.starts_with(kOfficial) ? kOfficial.size() : 0);
  // library/a/b stays as it is: "a/b" would mean another repository.
  return rest.find('/') == std::string_view::npos ? std::string(rest) : path;
}

std::string Reference::familiar() const {
  return cat(familiar_name(), tag.empty() ? "" : ":", tag, digest.empty() ? "" : "@", digest);
}

std::string Reference::canonical() const {
  return cat(name(), tag.empty() ? "" : ":", tag, digest.empty() ? "" : "@", digest);
}

bool is_valid_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTag || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Reference parse_reference(std::string_view text) {
  if (text.size() == 64 && is_hex(text)) {
    throw Error(ErrorKind::kUsage, "invalid repository name (", text,
                "), cannot specify 64-byte hexadecimal strings");
  }
  if (text.empty()) invalid();
  Reference out;
  std::string rest;
  split_domain(text, out, rest);
  const std::string remote = rest.substr(0, rest.find(':'));
  if (to_lower(remote) != remote) invalid(cat("repository name (", printable(remote), ") must be lowercase"));
  if (const size_t at = rest.find('@'); at != std::string::npos) {
    out.digest = rest.substr(at + 1);
    rest.resize(at);
  }
  if (const size_t colon = rest.find(':'); colon != std::string::npos) {
    out.tag = rest.substr(colon + 1);
    rest.resize(colon);
    if (!is_valid_tag(out.tag)) invalid();
  }
  out.path = rest;
  if (!is_domain(out.domain)) invalid();
  for (const std::string_view component : split(out.path, '/'))
    if (!is_path_component(component)) invalid();
  if (text.find('@') != std::string_view::npos) check_digest(out.digest);
  if (out.path.size() > kMaxPath)
    throw Error(ErrorKind::kUsage, "repository name must not be more than ", kMaxPath, " characters");
  return out;
}

Reference parse_reference_or_latest(std::string_view text) {
  Reference out = parse_reference(text);
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

}  // namespace crunlite::image
