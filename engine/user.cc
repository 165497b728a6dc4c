// SPDX-License-Identifier: Apache-2.0
#include "engine/user.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/file.h"

namespace crunlite::engine {
namespace {

constexpr size_t kMostBytes = 1u << 20;
constexpr size_t kMostLine = 64u << 10;
// (uid_t)-1 means "leave as it is" to setresuid(2).
constexpr uint32_t kMostId = std::numeric_limits<uint32_t>::max() - 1;

std::optional<uint32_t> parse_id(std::string_view text) {
  const auto id = parse_number<uint32_t>(text);
  if (!id || *id > kMostId) return std::nullopt;
  return id;
}

// What starts with a digit or a sign and has only digits, signs and hex letters' look is meant as a number:
// if it is not a valid one, it must not be taken for a name that an image can define as it likes.
bool is_meant_as_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789+-") == std::string_view::npos;
}

template <class Entry, class ParseFields>
std::vector<Entry> parse_lines(std::string_view text, size_t fields, ParseFields parse_fields) {
  std::vector<Entry> out;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line.front() == '#' || line.size() > kMostLine) continue;
    const std::vector<std::string_view> parts = split(line, ':');
    if (parts.size() < fields || parts[0].empty()) continue;
    if (std::optional<Entry> entry = parse_fields(parts)) out.push_back(std::move(*entry));
  }
  return out;
}

std::string read_account_file(const RootedDir& root, const char* path) {
  // O_NONBLOCK: opening a fifo must not wait for a writer.
  sys::Result<UniqueFd> fd = root.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd.ok() && (fd.error() == ENOENT || fd.error() == ENOTDIR)) return {};
  const UniqueFd file = check(std::move(fd), "open ", path, " of the image");
  const struct stat info = check(sys::fstat(file.get()), "stat ", path, " of the image");
  if (!S_ISREG(info.st_mode)) throw Error(ErrorKind::kConfig, path, " of the image: not a regular file");
  return read_fd(file.get(), cat(path, " of the image"), kMostBytes);
}

const PasswdEntry* find_uid(const Accounts& accounts, uint32_t uid) {
  for (const PasswdEntry& entry : accounts.passwd) {
    if (entry.uid == uid) return &entry;
  }
  return nullptr;
}

const PasswdEntry* find_user(const Accounts& accounts, std::string_view name) {
  for (const PasswdEntry& entry : accounts.passwd) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

uint32_t resolve_group(std::string_view group, const Accounts& accounts) {
  if (const auto gid = parse_id(group)) return *gid;
  if (!is_meant_as_number(group)) {
    for (const GroupEntry& entry : accounts.group) {
      if (entry.name == group) return entry.gid;
    }
    throw Error(ErrorKind::kConfig, "unable to find group ", printable(group),
                ": no matching entries in group file");
  }
  throw Error(ErrorKind::kConfig, "group id ", printable(group), " is not in the range 0 to ", kMostId);
}

// The account's line, if it has one; sets uid, gid and home.
const PasswdEntry* resolve_name_or_uid(std::string_view name, const Accounts& accounts, ResolvedUser& user) {
  const PasswdEntry* entry = nullptr;
  if (const auto uid = parse_id(name)) {
    user.uid = *uid;
    entry = find_uid(accounts, *uid);
  } else if (is_meant_as_number(name)) {
    throw Error(ErrorKind::kConfig, "user id ", printable(name), " is not in the range 0 to ", kMostId);
  } else {
    entry = find_user(accounts, name);
    if (!entry) {
      throw Error(ErrorKind::kConfig, "unable to find user ", printable(name),
                  ": no matching entries in passwd file");
    }
    user.uid = entry->uid;
  }
  if (entry) {
    user.gid = entry->gid;
    if (entry->home.starts_with('/')) user.home = entry->home;
  }
  return entry;
}

void add_group(uint32_t gid, ResolvedUser& user) {
  if (std::find(user.groups.begin(), user.groups.end(), gid) == user.groups.end()) user.groups.push_back(gid);
}

}  // namespace

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
  return parse_lines<PasswdEntry>(text, 4, [](const auto& parts) -> std::optional<PasswdEntry> {
    const auto uid = parse_id(parts[2]);
    const auto gid = parse_id(parts[3]);
    if (!uid || !gid) return std::nullopt;
    return PasswdEntry{std::string(parts[0]), *uid, *gid, parts.size() > 5 ? std::string(parts[5]) : ""};
  });
}

std::vector<GroupEntry> parse_group(std::string_view text) {
  return parse_lines<GroupEntry>(text, 3, [](const auto& parts) -> std::optional<GroupEntry> {
    const auto gid = parse_id(parts[2]);
    if (!gid) return std::nullopt;
    GroupEntry entry{std::string(parts[0]), *gid, {}};
    if (parts.size() > 3) {
      for (const std::string_view member : split(parts[3], ',')) entry.members.emplace_back(member);
    }
    return entry;
  });
}

Accounts read_accounts(const RootedDir& root) {
  return {parse_passwd(read_account_file(root, "/etc/passwd")),
          parse_group(read_account_file(root, "/etc/group"))};
}

ResolvedUser resolve_user(std::string_view user, const std::vector<std::string>& extra_groups,
                          const Accounts& accounts) {
  const size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  const bool has_group = colon != std::string_view::npos;
  if ((name.empty() && !user.empty()) || (has_group && colon + 1 == user.size())) {
    throw Error(ErrorKind::kConfig, "invalid user ", quote(user), ": expected name|uid[:group|gid]");
  }
  ResolvedUser out;
  const PasswdEntry* entry = resolve_name_or_uid(name.empty() ? "0" : name, accounts, out);
  if (has_group) out.gid = resolve_group(user.substr(colon + 1), accounts);
  // The primary group is always in the list: a "deny by group" rule must not be bypassed (CVE-2022-36109).
  add_group(out.gid, out);
  if (entry && !has_group) {
    for (const GroupEntry& group : accounts.group) {
      const auto& members = group.members;
      if (std::find(members.begin(), members.end(), entry->name) != members.end()) add_group(group.gid, out);
    }
  }
  for (const std::string& group : extra_groups) add_group(resolve_group(group, accounts), out);
  return out;
}

}  // namespace crunlite::engine
