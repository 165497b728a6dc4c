// SPDX-License-Identifier: Apache-2.0
#include "rootfs/mount_options.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

namespace crunlite::rootfs {
namespace {

enum class Effect {
  kSet,
  kClear,
  kPropagation,
  kRecursive,
  kBind,
  kRbind,
  kRemount,
  kCopyUp,
  kCopyLink,
  kSourceLink,
  kTargetLink,
  kIdMap,
  kRidMap
};

struct Option {
  std::string_view name;
  Effect effect;
  unsigned long flag = 0;  // MS_*
  AttrChange attribute{};  // the same for mount_setattr(2); empty where it is a property of the file system
};

constexpr AttrChange set_attr(uint64_t bits) {
  return {bits, 0};
}
constexpr AttrChange clear_attr(uint64_t bits) {
  return {0, bits};
}
// The access-time modes are one field of four values: setting one clears the others.
constexpr AttrChange atime_attr(uint64_t value) {
  return {value, MOUNT_ATTR__ATIME};
}

using enum Effect;

constexpr Option kOptions[] = {
    {"async", kClear, MS_SYNCHRONOUS},
    {"atime", kClear, MS_NOATIME, atime_attr(MOUNT_ATTR_RELATIME)},
    {"bind", kBind},
    {"copy-symlink", kCopyLink},
    {"defaults", kSet},
    {"dest-nofollow", kTargetLink},
    {"dev", kClear, MS_NODEV, clear_attr(MOUNT_ATTR_NODEV)},
    {"diratime", kClear, MS_NODIRATIME, clear_attr(MOUNT_ATTR_NODIRATIME)},
    {"dirsync", kSet, MS_DIRSYNC},
    {"exec", kClear, MS_NOEXEC, clear_attr(MOUNT_ATTR_NOEXEC)},
    {"idmap", kIdMap},
    {"iversion", kSet, MS_I_VERSION},
    {"lazytime", kSet, MS_LAZYTIME},
    {"loud", kClear, MS_SILENT},
    {"mand", kSet, MS_MANDLOCK},
    {"noatime", kSet, MS_NOATIME, atime_attr(MOUNT_ATTR_NOATIME)},
    {"nodev", kSet, MS_NODEV, set_attr(MOUNT_ATTR_NODEV)},
    {"nodiratime", kSet, MS_NODIRATIME, set_attr(MOUNT_ATTR_NODIRATIME)},
    {"noexec", kSet, MS_NOEXEC, set_attr(MOUNT_ATTR_NOEXEC)},
    {"noiversion", kClear, MS_I_VERSION},
    {"nolazytime", kClear, MS_LAZYTIME},
    {"nomand", kClear, MS_MANDLOCK},
    // mount(8) has no other meaning for "not relatime" than strictatime; a new instance that is just not told
    // relatime gets it.
    {"norelatime", kSet, MS_STRICTATIME, atime_attr(MOUNT_ATTR_STRICTATIME)},
    {"nostrictatime", kClear, MS_STRICTATIME, atime_attr(MOUNT_ATTR_RELATIME)},
    {"nosuid", kSet, MS_NOSUID, set_attr(MOUNT_ATTR_NOSUID)},
    {"nosymfollow", kSet, MS_NOSYMFOLLOW, set_attr(MOUNT_ATTR_NOSYMFOLLOW)},
    {"private", kPropagation, MS_PRIVATE},
    {"ratime", kRecursive, 0, atime_attr(MOUNT_ATTR_RELATIME)},
    {"rbind", kRbind},
    {"rdev", kRecursive, 0, clear_attr(MOUNT_ATTR_NODEV)},
    {"rdiratime", kRecursive, 0, clear_attr(MOUNT_ATTR_NODIRATIME)},
    {"relatime", kSet, MS_RELATIME, atime_attr(MOUNT_ATTR_RELATIME)},
    {"remount", kRemount, MS_REMOUNT},
    {"rexec", kRecursive, 0, clear_attr(MOUNT_ATTR_NOEXEC)},
    {"ridmap", kRidMap},
    {"rnoatime", kRecursive, 0, atime_attr(MOUNT_ATTR_NOATIME)},
    {"rnodev", kRecursive, 0, set_attr(MOUNT_ATTR_NODEV)},
    {"rnodiratime", kRecursive, 0, set_attr(MOUNT_ATTR_NODIRATIME)},
    {"rnoexec", kRecursive, 0, set_attr(MOUNT_ATTR_NOEXEC)},
    {"rnorelatime", kRecursive, 0, atime_attr(MOUNT_ATTR_STRICTATIME)},
    {"rnostrictatime", kRecursive, 0, atime_attr(MOUNT_ATTR_RELATIME)},
    {"rnosuid", kRecursive, 0, set_attr(MOUNT_ATTR_NOSUID)},
    {"rnosymfollow", kRecursive, 0, set_attr(MOUNT_ATTR_NOSYMFOLLOW)},
    {"ro", kSet, MS_RDONLY, set_attr(MOUNT_ATTR_RDONLY)},
    {"rprivate", kPropagation, MS_PRIVATE | MS_REC},
    {"rrelatime", kRecursive, 0, atime_attr(MOUNT_ATTR_RELATIME)},
    {"rro", kRecursive, 0, set_attr(MOUNT_ATTR_RDONLY)},
    {"rrw", kRecursive, 0, clear_attr(MOUNT_ATTR_RDONLY)},
    {"rshared", kPropagation, MS_SHARED | MS_REC},
    {"rslave", kPropagation, MS_SLAVE | MS_REC},
    {"rstrictatime", kRecursive, 0, atime_attr(MOUNT_ATTR_STRICTATIME)},
    {"rsuid", kRecursive, 0, clear_attr(MOUNT_ATTR_NOSUID)},
    {"rsymfollow", kRecursive, 0, clear_attr(MOUNT_ATTR_NOSYMFOLLOW)},
    {"runbindable", kPropagation, MS_UNBINDABLE | MS_REC},
    {"rw", kClear, MS_RDONLY, clear_attr(MOUNT_ATTR_RDONLY)},
    {"shared", kPropagation, MS_SHARED},
    {"silent", kSet, MS_SILENT},
    {"slave", kPropagation, MS_SLAVE},
    {"src-nofollow", kSourceLink},
    {"strictatime", kSet, MS_STRICTATIME, atime_attr(MOUNT_ATTR_STRICTATIME)},
    {"suid", kClear, MS_NOSUID, clear_attr(MOUNT_ATTR_NOSUID)},
    {"symfollow", kClear, MS_NOSYMFOLLOW, clear_attr(MOUNT_ATTR_NOSYMFOLLOW)},
    {"sync", kSet, MS_SYNCHRONOUS},
    {"tmpcopyup", kCopyUp},
    {"unbindable", kPropagation, MS_UNBINDABLE},
};
static_assert(std::ranges::is_sorted(kOptions, {}, &Option::name));

const Option* find_option(std::string_view name) {
  const auto at = std::ranges::lower_bound(kOptions, name, {}, &Option::name);
  return at != std::end(kOptions) && at->name == name ? &*at : nullptr;
}

// The later option wins: "nodev" after "dev" sets, and the other way round.
void merge(AttrChange& into, const AttrChange& change) {
  const uint64_t touched = change.set | change.clear;
  into.set = (into.set & ~touched) | change.set;
  into.clear = (into.clear & ~touched) | change.clear;
  // A plain flag is either set or cleared; the access-time field is cleared before it is set.
  into.clear &= ~(into.set & ~uint64_t{MOUNT_ATTR__ATIME});
}

// mount(2) takes any of the three and has an order of its own.
constexpr unsigned long kAccessTimeModes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;

void apply(MountOptions& out, const Option& option) {
  switch (option.effect) {
    case kSet:
      if (option.flag & kAccessTimeModes) out.flags &= ~kAccessTimeModes;
      out.flags |= option.flag;
      merge(out.attributes, option.attribute);
      break;
    case kClear:
      out.flags &= ~option.flag;
      merge(out.attributes, option.attribute);
      break;
    case kPropagation:
      out.propagation.push_back(option.flag);
      break;
    case kRecursive:
      merge(out.recursive, option.attribute);
      break;
    case kRbind:
      out.recursive_bind = true;
      [[fallthrough]];
    case kBind:
      out.bind = true;
      break;
    case kRemount:
      out.remount = true;
      break;
    case kCopyUp:
      out.copy_up = true;
      break;
    case kCopyLink:
      out.copy_link = true;
      break;
    case kSourceLink:
      out.source_link = true;
      break;
    case kTargetLink:
      out.target_link = true;
      break;
    case kIdMap:
      out.id_map = IdMap::kTop;
      break;
    case kRidMap:
      out.id_map = IdMap::kRecursive;
      break;
  }
}

// "idmap=uids=0-1000-10;gids=0-1000-10"
bool apply_id_map(MountOptions& out, std::string_view text) {
  for (const auto& [name, kind] :
       {std::pair("idmap=", IdMap::kTop), std::pair("ridmap=", IdMap::kRecursive)}) {
    if (!text.starts_with(name)) continue;
    out.id_map = kind;
    out.id_map_text = text;
    return true;
  }
  return false;
}

}  // namespace

MountOptions parse_mount_options(const std::vector<std::string>& options) {
  MountOptions out;
  for (const std::string& text : options) {
    if (const Option* option = find_option(text)) {
      apply(out, *option);
    } else if (!apply_id_map(out, text) && !text.empty()) {
      if (!out.data.empty()) out.data += ',';
      out.data += text;
    }
  }
  return out;
}

std::vector<std::string> mount_option_names() {
  std::vector<std::string> names;
  for (const Option& option : kOptions) names.emplace_back(option.name);
  return names;
}

}  // namespace crunlite::rootfs
