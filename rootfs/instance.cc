// SPDX-License-Identifier: Apache-2.0
#include "rootfs/instance.h"

#include <sys/mount.h>

namespace crunlite::rootfs {
namespace {

using sys::Result;
using sys::Status;

// What mount(2) has as bits and fsconfig(2) as words, of the file system and not of the mount.
constexpr struct {
  unsigned long flag;
  const char* name;
} kFlags[] = {{MS_RDONLY, "ro"},
              {MS_SYNCHRONOUS, "sync"},
              {MS_DIRSYNC, "dirsync"},
              {MS_MANDLOCK, "mand"},
              {MS_LAZYTIME, "lazytime"}};

Status set_option(int context, std::string_view option, Note& note) {
  const size_t equals = option.find('=');
  const bool has_value = equals != std::string_view::npos;
  PathText key;
  PathText value;
  key.set(option.substr(0, equals));
  if (key.empty()) return sys::kOk;
  if (has_value) {
    std::string_view rest = option;
    rest.remove_prefix(equals + 1);
    value.set(rest);
  }
  if (key.truncated() || value.truncated()) return Status(ENAMETOOLONG);
  const Status st = has_value ? sys::fsconfig_string(context, key.c_str(), value.c_str())
                              : sys::fsconfig_flag(context, key.c_str());
  if (!st.ok()) note.add(" (option ", option, ")");
  return st;
}

Status configure(int context, const MountOp& op, std::string_view data, Note& note) {
  if (Status st = sys::fsconfig_string(context, "source", op.source.c_str()); !st.ok()) return st;
  for (const auto& row : kFlags)
    if (op.flags & row.flag)
      if (Status st = set_option(context, row.name, note); !st.ok()) return st;
  while (!data.empty()) {
    const size_t end = data.find(',');
    if (Status st = set_option(context, data.substr(0, end), note); !st.ok()) return st;
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
  }
  return sys::fsconfig_create(context);
}

}  // namespace

Result<UniqueFd> new_instance(const MountOp& op, std::string_view data, Note& note) {
  Result<UniqueFd> context = sys::fsopen(op.type.c_str());
  if (!context.ok()) return context;
  if (Status st = configure(context->get(), op, data, note); !st.ok()) return st;
  return sys::fsmount(context->get(), static_cast<unsigned>(op.attributes.set));
}

}  // namespace crunlite::rootfs
