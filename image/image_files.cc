// SPDX-License-Identifier: Apache-2.0
#include "image/image_files.h"

#include <unordered_map>

#include "archive/tar_reader.h"
#include "base/error.h"
#include "base/rooted_dir.h"
#include "oci/image.h"

namespace crunlite::image {
namespace {

using archive::EntryKind;

// docker save writes a handful of members per layer.
constexpr size_t kMaxMembers = 65536;
constexpr int kMaxLinks = 16;

[[noreturn]] void missing(const std::string& name) {
  throw Error(ErrorKind::kIntegrity, "the archive has no file ", quote(name));
}

// "./a//b/../c" -> "a/c", as text: members are found by name, nothing is opened by it.
std::string normalize(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view component : split(path, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (!parts.empty()) parts.pop_back();
    } else {
      parts.emplace_back(component);
    }
  }
  return join(parts, "/");
}

class DirectoryFiles final : public ImageFiles {
 public:
  explicit DirectoryFiles(RootedDir root) : root_(std::move(root)) {}

  bool has(const std::string& name) const override { return root_.open(name.c_str(), O_PATH).ok(); }
  uint64_t size(const std::string& name) const override {
    const sys::Result<UniqueFd> file = root_.open(name.c_str(), O_PATH);
    const sys::Result<struct stat> st = file.ok() ? sys::fstat(file->get()) : file.status();
    return st.ok() ? static_cast<uint64_t>(st->st_size) : 0;
  }
  std::unique_ptr<archive::ByteSource> open(const std::string& name) const override {
    sys::Result<UniqueFd> file = root_.open(name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file.ok() && file.error() == ENOENT) missing(name);
    UniqueFd fd = check(std::move(file), "open ", quote(name));
    if (!S_ISREG(check(sys::fstat(fd.get()), "stat ", quote(name)).st_mode))
      throw Error(ErrorKind::kIntegrity, quote(name), " is not a plain file");
    return std::make_unique<archive::OwnedFileSource>(std::move(fd), name);
  }

 private:
  RootedDir root_;
};

// One member, read through a tar reader that starts at its header.
class MemberSource final : public archive::ByteSource {
 public:
  MemberSource(int fd, uint64_t offset, uint64_t end, const std::string& name)
      : file_(fd, name, offset, end - offset),
        reader_(file_),
        entry_(reader_.next()),
        data_(reader_, size()) {}
  size_t read(std::span<char> buffer) override { return data_.read(buffer); }

 private:
  uint64_t size() const { return entry_ ? entry_->size : 0; }
  archive::FileSource file_;
  archive::TarReader reader_;
  std::optional<archive::TarEntry> entry_;
  archive::EntrySource data_;
};

class TarFiles final : public ImageFiles {
 public:
  explicit TarFiles(UniqueFd tar) : tar_(std::move(tar)) {
    end_ = static_cast<uint64_t>(check(sys::fstat(tar_.get()), "stat the archive").st_size);
    archive::FileSource source(tar_.get(), "the archive", 0, end_);
    archive::TarReader reader(source);
    while (const std::optional<archive::TarEntry> entry = reader.next())
      index(*entry, reader.header_offset());
  }

  bool has(const std::string& name) const override { return find(name) != nullptr; }
  uint64_t size(const std::string& name) const override {
    const Member* member = find(name);
    return member ? member->size : 0;
  }
  std::unique_ptr<archive::ByteSource> open(const std::string& name) const override {
    const Member* member = find(name);
    if (!member) missing(name);
    return std::make_unique<MemberSource>(tar_.get(), member->header, end_, name);
  }

 private:
  struct Member {
    uint64_t header = 0;
    uint64_t size = 0;
    std::string link;  // another member's name; empty: this is a file
  };

  void index(const archive::TarEntry& entry, uint64_t header) {
    const std::string name = normalize(entry.path);
    Member member{.header = header, .size = entry.size};
    switch (entry.kind) {
      case EntryKind::kFile:
        break;
      case EntryKind::kSymlink:  // docker save writes <id>/layer.tar -> ../<other id>/layer.tar
        member.link = normalize(cat(name.substr(0, name.rfind('/') + 1), entry.link_target));
        break;
      case EntryKind::kHardLink:
        member.link = normalize(entry.link_target);
        break;
      default:
        return;
    }
    // As when unpacking: the last one counts.
    members_[name] = std::move(member);
    if (members_.size() > kMaxMembers)
      throw Error(ErrorKind::kIntegrity, "the archive has more than ", kMaxMembers, " files");
  }

  const Member* find(const std::string& name) const {
    std::string wanted = normalize(name);
    for (int links = 0; links < kMaxLinks; ++links) {
      const auto found = members_.find(wanted);
      if (found == members_.end()) return nullptr;
      if (found->second.link.empty()) return &found->second;
      wanted = found->second.link;
    }
    return nullptr;
  }

  UniqueFd tar_;
  uint64_t end_ = 0;
  std::unordered_map<std::string, Member> members_;
};

}  // namespace

std::string ImageFiles::read_document(const std::string& name) const {
  return archive::read_all(*open(name), oci::kMaxImageDocument, quote(name));
}

std::unique_ptr<ImageFiles> open_image_directory(const std::string& path) {
  return std::make_unique<DirectoryFiles>(check(RootedDir::open_trusted(path.c_str()), "open ", path));
}

std::unique_ptr<ImageFiles> open_image_tar(UniqueFd tar) {
  return std::make_unique<TarFiles>(std::move(tar));
}

}  // namespace crunlite::image
