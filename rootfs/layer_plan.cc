// SPDX-License-Identifier: Apache-2.0
#include "rootfs/layer_plan.h"

#include <climits>

#include "base/error.h"

namespace crunlite::rootfs {
namespace {

using archive::EntryKind;
using archive::TarEntry;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
  throw Error(ErrorKind::kIntegrity, quote(path), ": ", why);
}

// image-spec layer.md, Whiteouts. The names are reserved, so none may be a directory on the way.
void check_parent(const TreePath& path, std::string_view text) {
  for (const std::string_view component : split(path.parent, '/'))
    if (component.starts_with(kWhiteout)) refuse(text, "goes through the reserved name .wh.*");
}

EntryPlan skip_aufs(std::string_view text) {
  EntryPlan plan;
  plan.warnings.push_back(cat(quote(text), " is AUFS's own and was left out"));
  return plan;
}

EntryPlan plan_whiteout(TreePath path, std::string_view text) {
  EntryPlan plan;
  if (path.name == kOpaque) {
    plan.action = EntryAction::kOpaque;
  } else if (path.name.starts_with(kAufs)) {
    return skip_aufs(text);
  } else {
    plan.action = EntryAction::kWhiteout;
    path.name.erase(0, kWhiteout.size());
    // Only now: what is left may be empty or a dot name that must not reach the file system.
    if (path.name.empty() || path.name == "." || path.name == "..")
      refuse(text, "a whiteout must name something");
  }
  plan.path = std::move(path);
  return plan;
}

EntryAction action_for(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return EntryAction::kFile;
    case EntryKind::kDirectory:
      return EntryAction::kDirectory;
    case EntryKind::kSymlink:
      return EntryAction::kSymlink;
    case EntryKind::kHardLink:
      return EntryAction::kHardLink;
    case EntryKind::kCharDevice:
    case EntryKind::kBlockDevice:
    case EntryKind::kFifo:
      return EntryAction::kNode;
  }
  return EntryAction::kSkip;
}

// trusted.overlay.* and user.overlay.* would act when the layer is mounted: hide or redirect what other
// layers bring (an image scanner would see something else). The host's SELinux policy is not the image's to
// use.
bool steers_the_host(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.") ||
         name == "security.selinux";
}

void drop_reserved_xattrs(TarEntry& entry, EntryPlan& plan) {
  std::erase_if(entry.xattrs, [&](const auto& xattr) {
    if (!steers_the_host(xattr.first)) return false;
    plan.warnings.push_back(
        cat(quote(entry.path), ": the extended attribute ", printable(xattr.first), " was left out"));
    return true;
  });
}

}  // namespace

TreePath split_path(std::string_view text) {
  if (text.size() >= PATH_MAX) refuse(text.substr(0, 64), "the name is longer than 4095 bytes");
  if (text.find('\0') != std::string_view::npos) refuse(text, "the name contains a NUL byte");
  std::string normal;
  size_t last = 0;  // where the last component starts
  for (const std::string_view component : split(text, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") refuse(text, "the name leaves the layer's root (..)");
    if (component.size() > NAME_MAX) refuse(text, "a component is longer than 255 bytes");
    if (!normal.empty()) normal += '/';
    last = normal.size();
    normal += component;
  }
  return {.parent = normal.substr(0, last ? last - 1 : 0), .name = normal.substr(last)};
}

EntryPlan plan_entry(TarEntry& entry) {
  TreePath path = split_path(entry.path);
  if (path.name.empty()) {
    if (entry.kind != EntryKind::kDirectory) refuse(entry.path, "the layer's root must be a directory");
    EntryPlan plan{.action = EntryAction::kRoot};
    drop_reserved_xattrs(entry, plan);
    return plan;
  }
  if (path.parent.starts_with(kAufs)) return skip_aufs(entry.path);
  check_parent(path, entry.path);
  if (path.name.starts_with(kWhiteout)) return plan_whiteout(std::move(path), entry.path);
  EntryPlan plan{.action = action_for(entry.kind), .path = std::move(path)};
  if (entry.kind == EntryKind::kCharDevice && entry.device_major == 0 && entry.device_minor == 0)
    refuse(entry.path, "character device 0:0 would act as a whiteout");
  if (entry.kind == EntryKind::kSymlink && entry.link_target.empty())
    refuse(entry.path, "a symbolic link without a target");
  if (entry.kind == EntryKind::kHardLink) {
    plan.link = split_path(entry.link_target);
    if (plan.link.name.empty()) refuse(entry.path, "a hard link to the root");
    if (plan.link.full() == plan.path.full()) refuse(entry.path, "a hard link to itself");
  }
  drop_reserved_xattrs(entry, plan);
  return plan;
}

}  // namespace crunlite::rootfs
