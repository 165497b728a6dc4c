// SPDX-License-Identifier: Apache-2.0
#include "net/state.h"

#include <sys/file.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "net/state_json.h"

namespace crunlite::net {
namespace {

constexpr size_t kLongestDocument = 4u << 20;
constexpr const char* kBridgeFile = "bridge.json";

std::string record_name(const std::string& container_id) {
  return cat("records/", container_id, ".json");
}

std::string lease_name(const Address& address) {
  return cat("leases/", address.to_string());
}

// FNV-1a: spreads addresses and names, protects nothing.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

// `text`, or nothing when the file is not there.
std::optional<std::string> read_if_there(int dir, const std::string& path) {
  try {
    return read_file(dir, path, kLongestDocument);
  } catch (const SysError& error) {
    if (error.error() == ENOENT) return std::nullopt;
    throw;
  }
}

void remove_if_there(int dir, const std::string& path) {
  const sys::Status removed = sys::unlink_at(dir, path.c_str());
  if (!removed.ok() && removed.error() != ENOENT) check(removed, "remove ", path);
}

void write_document(int dir, const std::string& directory, const std::string& name,
                    const json::Value& value) {
  const UniqueFd parent =
      check(sys::open_at(dir, directory.c_str(), O_RDONLY | O_DIRECTORY), "open ", directory);
  write_file_atomic(parent.get(), name, json::dump(value), 0600, Durability::kRename);
}

}  // namespace

NetState NetState::lock(const std::string& dir) {
  UniqueFd dir_fd = make_own_dirs(dir, 0700);
  for (const char* part : {"leases", "records", "netns"}) make_own_dirs(cat(dir, '/', part), 0700);
  UniqueFd lock = check(sys::open_at(dir_fd.get(), "lock", O_RDWR | O_CREAT, 0600), "open ", dir, "/lock");
  check(sys::flock(lock.get(), LOCK_EX), "lock ", dir, "/lock");
  return NetState(dir, std::move(dir_fd), std::move(lock));
}

Address NetState::take_lease(const Subnet& ipv4, const std::string& container_id) {
  // Not the subnet, the gateway or the broadcast address.
  const uint32_t count = ipv4.size() < 4 ? 0 : ipv4.size() - 3;
  // Not always the lowest: an address that has just been given back may be in somebody's caches.
  const auto start = static_cast<uint32_t>(hash_of(container_id) % std::max(count, 1u));
  for (bool collected = false;; collected = true) {
    for (uint32_t i = 0; i < count; ++i) {
      const Address address = ipv4.host(2 + (start + i) % count);
      const sys::Result<UniqueFd> file =
          sys::open_at(dir_fd_.get(), lease_name(address).c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
      if (file.ok()) {
        check(sys::write_all(file->get(), container_id), "write lease ", address.to_string());
        return address;
      }
      if (file.error() != EEXIST) check(file.status(), "take lease ", address.to_string());
    }
    if (collected || collect_leases() == 0)
      throw Error(ErrorKind::kState, "no free address in ", ipv4.to_string(), ": all ", count, " are in use");
  }
}

// Leases without a record are left from a crash between the two.
size_t NetState::collect_leases() {
  size_t collected = 0;
  for (const std::string& name : list_dir(dir_fd_.get(), "leases")) {
    const std::string path = cat("leases/", name);
    const auto owner = read_if_there(dir_fd_.get(), path);
    if (!owner || (is_container_id(*owner) && record(*owner))) continue;
    remove_if_there(dir_fd_.get(), path);
    ++collected;
  }
  return collected;
}

void NetState::release_leases(const Record& record) {
  for (const Address& address : record.addresses)
    if (address.is_ipv4()) remove_if_there(dir_fd_.get(), lease_name(address));
}

std::vector<Address> NetState::leases_of(const std::string& container_id) const {
  std::vector<Address> addresses;
  for (const std::string& name : list_dir(dir_fd_.get(), "leases")) {
    const auto address = Address::parse(name);
    if (address && read_if_there(dir_fd_.get(), lease_name(*address)) == container_id)
      addresses.push_back(*address);
  }
  return addresses;
}

std::optional<Record> NetState::record(const std::string& container_id) const {
  const std::string name = record_name(container_id);
  const auto text = read_if_there(dir_fd_.get(), name);
  if (!text) return std::nullopt;
  return decode_record(json::parse(*text, name), name);
}

std::vector<Record> NetState::records() const {
  constexpr std::string_view kEnding = ".json";
  std::vector<Record> records;
  for (const std::string& name : list_dir(dir_fd_.get(), "records")) {
    // Anything else is a temporary of a writer that was killed.
    if (name.size() <= kEnding.size() || !std::string_view(name).ends_with(kEnding)) continue;
    const std::string id = name.substr(0, name.size() - kEnding.size());
    if (!is_container_id(id)) continue;
    try {
      if (auto found = record(id)) records.push_back(std::move(*found));
    } catch (const Error& error) {
      log::warning(error.what());
    }
  }
  return records;
}

void NetState::write(const Record& record) {
  write_document(dir_fd_.get(), "records", cat(record.container_id, ".json"), encode(record));
}

void NetState::remove_record(const std::string& container_id) {
  remove_if_there(dir_fd_.get(), record_name(container_id));
}

UniqueFd NetState::hold(const std::string& container_id) const {
  const std::string name = record_name(container_id);
  UniqueFd file = check(sys::open_at(dir_fd_.get(), name.c_str(), O_RDONLY), "open ", name);
  check(sys::flock(file.get(), LOCK_EX | LOCK_NB), "hold ", name);
  return file;
}

bool NetState::has_owner(const std::string& container_id) const {
  const sys::Result<UniqueFd> file = sys::open_at(dir_fd_.get(), record_name(container_id).c_str(), O_RDONLY);
  return file.ok() && !sys::flock(file->get(), LOCK_EX | LOCK_NB).ok();
}

std::optional<BridgeNetwork> NetState::bridge() const {
  const auto text = read_if_there(dir_fd_.get(), kBridgeFile);
  if (!text) return std::nullopt;
  return decode_bridge(json::parse(*text, kBridgeFile), kBridgeFile);
}

void NetState::write(const BridgeNetwork& network) {
  write_document(dir_fd_.get(), ".", kBridgeFile, encode(network));
}

void NetState::remove_bridge() {
  remove_if_there(dir_fd_.get(), kBridgeFile);
}

std::string NetState::netns_path(const std::string& container_id) const {
  return cat(dir_, "/netns/", container_id);
}

bool is_container_id(std::string_view id) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (id.empty() || id.size() > 200 || !alphanumeric(id.front())) return false;
  return std::all_of(id.begin(), id.end(),
                     [&](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string link_name(const std::string& container_id) {
  constexpr size_t kShown = 12;  // with the prefix exactly IFNAMSIZ - 1
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::string shown = container_id.substr(0, kShown);
  if (container_id.size() == 64 && shown.find_first_not_of(kHex) == shown.npos) return cat("crl", shown);
  std::string name = "crl";
  uint64_t hash = hash_of(container_id);
  for (size_t i = 0; i < kShown; ++i, hash >>= 4) name += kHex[hash & 15];
  return name;
}

}  // namespace crunlite::net
