// SPDX-License-Identifier: Apache-2.0
#include "image/store.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace crunlite::image {
namespace {

constexpr char kVersion[] = "1";
constexpr size_t kMaxRecord = 1u << 20;
constexpr const char* kDirectories[] = {"blobs",  "blobs/sha256", "images", "refs", "layers",
                                        "merges", "containers",   "tmp",    "locks"};

json::Value parse_record(std::string_view bytes, const std::string& name) {
  return json::parse(bytes, name, {.bytes = kMaxRecord});
}

// The store is ours and written whole: anything unexpected is damage, reported with the file's name.
void require_sound(const std::vector<std::string>& problems, const std::string& name) {
  if (problems.empty()) return;
  Error error(ErrorKind::kIntegrity, "image store: ", name, " is damaged: ", join(problems, "; "));
  throw error.with_remedy("load the image again");
}

std::string decode_ref(std::string_view bytes, const std::string& name) {
  const json::Value document = parse_record(bytes, name);
  std::vector<std::string> problems;
  std::string id = json::Reader(document, problems).require<std::string>("image");
  if (problems.empty() && !oci::is_sha256_digest(id)) problems.emplace_back("/image: is no digest");
  require_sound(problems, name);
  return id;
}

ImageRecord decode_record(std::string_view bytes, const std::string& name) {
  const json::Value document = parse_record(bytes, name);
  std::vector<std::string> problems;
  const json::Reader reader(document, problems);
  ImageRecord record{.id = reader.require<std::string>("id"),
                     .manifest_digest = reader.require<std::string>("manifest"),
                     .size = reader.get<uint64_t>("size", 0),
                     .stored_at = reader.get<int64_t>("storedAt", 0),
                     .dirs = reader.get<std::vector<std::string>>("dirs", {})};
  require_sound(problems, name);
  return record;
}

// refs/ is a tree of domain and path components; the files in it start with ':' (tags) or '@' (digests).
void collect_refs(int store, const std::string& directory, std::vector<std::string>& out) {
  for (const std::string& name : list_dir(store, directory)) {
    const std::string path = cat(directory, "/", name);
    if (name.starts_with(':') || name.starts_with('@')) {
      out.push_back(path);
    } else {
      collect_refs(store, path, out);
    }
  }
}

// "refs/docker.io/library/python/:3.12" -> "python:3.12"
std::string familiar_of_path(const std::string& path) {
  const size_t last = path.rfind('/');
  const std::string canonical = path.substr(5, last - 5) + path.substr(last + 1);
  return parse_reference(canonical).familiar();
}

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void make_layout(int store, const std::string& root) {
  for (const char* name : kDirectories) {
    const sys::Status made = sys::mkdir_at(store, name, 0700);
    if (!made.ok() && made.error() != EEXIST) check(made, "create ", root, "/", name);
    if (made.ok()) check(sys::chmod_at(store, name, 0700), "set the mode of ", root, "/", name);
  }
  write_file_atomic(store, "version", kVersion, 0600, Durability::kSync);
}

std::string without_latest(const std::string& name) {
  constexpr std::string_view kLatest = ":latest";
  return name.ends_with(kLatest) ? name.substr(0, name.size() - kLatest.size()) : name;
}

}  // namespace

Store Store::open(const std::string& root) {
  UniqueFd dir = make_own_dirs(root, 0700);
  const struct stat st = check(sys::fstat(dir.get()), "stat ", root);
  if (st.st_uid != ::geteuid())
    throw Error(ErrorKind::kConfig, "image store ", root, " belongs to user ", st.st_uid, ", not to ",
                ::geteuid());
  const sys::Status there = sys::stat_at(dir.get(), "version", AT_SYMLINK_NOFOLLOW).status();
  if (there.error() == ENOENT) {
    make_layout(dir.get(), root);
  } else {
    check(there, "stat ", root, "/version");
  }
  const std::string version(trim(read_file(dir.get(), "version", 64)));
  if (version != kVersion) {
    throw Error(ErrorKind::kConfig, "image store ", root, " has version ", quote(version),
                "; this crun-lite knows ", kVersion);
  }
  return Store(root, std::move(dir));
}

std::string Store::blob_path(std::string_view digest) {
  return cat("blobs/sha256/", oci::digest_hex(digest));
}
std::string Store::image_path(std::string_view id) {
  return cat("images/", oci::digest_hex(id));
}
std::string Store::layer_path(std::string_view diff_id) {
  return cat("layers/", oci::digest_hex(diff_id));
}
std::string Store::merge_path(std::string_view id) {
  return cat("merges/", oci::digest_hex(id));
}
std::string Store::ref_path(const Reference& reference) {
  return cat("refs/", reference.name(), "/", reference.tag.empty() ? "@" : ":",
             reference.tag.empty() ? reference.digest : reference.tag);
}

std::optional<std::string> Store::read_if_there(const std::string& path) const {
  const sys::Result<UniqueFd> file =
      sys::open_at(fd(), path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (!file.ok() && (file.error() == ENOENT || file.error() == ENOTDIR || file.error() == ENAMETOOLONG))
    return std::nullopt;
  check(file.status(), "open ", root_, "/", path);
  return read_fd(file->get(), path, kMaxRecord);
}

std::optional<std::string> Store::id_of(const Reference& reference) const {
  const std::string path = ref_path(reference);
  const std::optional<std::string> bytes = read_if_there(path);
  if (!bytes) return std::nullopt;
  return decode_ref(*bytes, path);
}

std::optional<std::string> Store::resolve_prefix(std::string_view hex) const {
  std::optional<std::string> found;
  for (const std::string& name : list_dir(fd(), "images")) {
    if (!name.starts_with(hex)) continue;
    if (found) throw Error(ErrorKind::kUsage, "multiple IDs found with provided prefix: ", hex);
    found = cat("sha256:", name);
  }
  return found;
}

std::optional<std::string> Store::resolve(std::string_view user_reference) const {
  const std::string digest = user_reference.size() == 64 && is_hex(user_reference)
                                 ? cat("sha256:", user_reference)
                                 : std::string(user_reference);
  if (oci::is_sha256_digest(digest)) {
    const bool there = sys::stat_at(fd(), image_path(digest).c_str(), AT_SYMLINK_NOFOLLOW).ok();
    return there ? std::optional(digest) : std::nullopt;
  }
  std::string_view prefix = user_reference.starts_with("sha256:") ? user_reference.substr(7) : user_reference;
  if (!prefix.empty() && prefix.size() < 64 && is_hex(prefix) && user_reference.starts_with("sha256:"))
    return resolve_prefix(prefix);
  const Reference reference = parse_reference_or_latest(user_reference);
  std::optional<std::string> id = id_of(reference);
  // name:tag@digest must be both: the digest is that of a manifest (moby 20.10.20 looked at one part only).
  if (id && !reference.digest.empty() && !reference.tag.empty()) {
    const ImageRecord record = decode_record(read_if_there(image_path(*id)).value_or("{}"), image_path(*id));
    if (record.manifest_digest != reference.digest) return std::nullopt;
  }
  if (!id && prefix.size() < 64 && is_hex(prefix)) id = resolve_prefix(prefix);
  return id;
}

std::optional<Image> Store::find(std::string_view user_reference) const {
  const std::optional<std::string> id = resolve(user_reference);
  if (!id) return std::nullopt;
  return get(*id);
}

Image Store::require(std::string_view user_reference) const {
  if (std::optional<Image> image = find(user_reference)) return std::move(*image);
  Error error(ErrorKind::kNotFound, "No such image: ", printable(user_reference));
  std::vector<std::string> known;
  for (const std::string& name : names()) known.push_back(without_latest(name));
  // As people write them, and without seven letters in common that say nothing.
  const std::string wanted = without_latest(parse_reference_or_latest(user_reference).familiar());
  const std::vector<std::string> near = nearest(wanted, known, 3);
  if (!near.empty()) error.with_remedy(cat("did you mean ", join(near, ", "), "?"));
  throw error;
}

Image Store::get(const std::string& id) const {
  const std::string path = image_path(id);
  const std::optional<std::string> bytes = read_if_there(path);
  if (!bytes) throw Error(ErrorKind::kNotFound, "No such image: ", id);
  const ImageRecord record = decode_record(*bytes, path);
  Image image{.id = id, .config = oci::decode_image_config(read_blob(id), id)};
  for (const std::string& dir : record.dirs) image.layer_dirs.push_back(cat(root_, "/", dir));
  return image;
}

std::vector<std::string> Store::names() const {
  std::vector<std::string> paths;
  collect_refs(fd(), "refs", paths);
  std::vector<std::string> out;
  for (const std::string& path : paths) out.push_back(familiar_of_path(path));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> Store::names_of(const std::string& id) const {
  std::vector<std::string> paths;
  collect_refs(fd(), "refs", paths);
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    const std::optional<std::string> bytes = read_if_there(path);
    if (bytes && decode_ref(*bytes, path) == id) out.push_back(familiar_of_path(path));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<ImageRecord> Store::images() const {
  std::vector<ImageRecord> out;
  for (const std::string& name : list_dir(fd(), "images")) {
    const std::string path = "images/" + name;
    if (const std::optional<std::string> bytes = read_if_there(path))
      out.push_back(decode_record(*bytes, path));
  }
  return out;
}

std::string Store::read_blob(const std::string& digest) const {
  return read_file(fd(), blob_path(digest), oci::kMaxImageDocument);
}

bool Store::has_layer(const std::string& diff_id) const {
  return sys::stat_at(fd(), layer_path(diff_id).c_str(), AT_SYMLINK_NOFOLLOW).ok();
}

}  // namespace crunlite::image
