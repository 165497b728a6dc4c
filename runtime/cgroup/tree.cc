// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/tree.h"

#include <linux/magic.h>
#include <linux/openat2.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/rollback.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr mode_t kMode = 0755;
constexpr size_t kFileLimit = 16u << 20;  // cgroup.procs of a fork bomb
constexpr int kMkdirAttempts = 16;
constexpr int kDepthLimit = 128;

// "trusted" needs CAP_SYS_ADMIN, so no container can forge or remove it; "user" is what an unprivileged owner
// of a delegated tree has (kernel 5.7, cgroup2 only).
struct MarkNames {
  const char* trusted;
  const char* user;
};
constexpr MarkNames kMadeNames = {"trusted.crun-lite", "user.crun-lite"};
constexpr MarkNames kAdoptedNames = {"trusted.crun-lite.adopted", "user.crun-lite.adopted"};
constexpr MarkNames kParentNames = {"trusted.crun-lite.parent", "user.crun-lite.parent"};

const MarkNames& names_of(CgroupMark mark) {
  return mark == CgroupMark::kMade ? kMadeNames : kAdoptedNames;
}

bool privileged() {
  return ::geteuid() == 0;
}

void set_mark(int dir, const MarkNames& names, std::string_view value) {
  if (privileged() && sys::set_xattr(dir, names.trusted, value).ok()) return;
  (void)sys::set_xattr(dir, names.user, value);
}

std::string get_mark(int dir, const MarkNames& names) {
  char buffer[4096];
  sys::Result<size_t> size(sys::Status(ENODATA));
  if (privileged()) size = sys::get_xattr(dir, names.trusted, buffer, sizeof buffer);
  if (!size.ok()) size = sys::get_xattr(dir, names.user, buffer, sizeof buffer);
  return size.ok() ? std::string(buffer, *size) : std::string();
}

sys::Status remove_below(int parent, const std::string& name, int depth) {
  if (depth > kDepthLimit) return sys::Status(ELOOP);
  sys::Status status = sys::unlink_at(parent, name.c_str(), AT_REMOVEDIR);
  // cgroup v1 and v2 answer EBUSY while there are cgroups inside; a plain directory ENOTEMPTY.
  if (status.ok() || (status.error() != EBUSY && status.error() != ENOTEMPTY)) return status;
  const sys::Result<UniqueFd> dir = sys::open_at(parent, name.c_str(), kDirectory);
  if (!dir.ok()) return dir.status();
  const std::vector<std::string> children = child_cgroups(dir->get());
  if (children.empty()) return status;
  for (const std::string& child : children) {
    const sys::Status inner = remove_below(dir->get(), child, depth + 1);
    if (!inner.ok() && inner.error() != ENOENT) return inner;
  }
  return sys::unlink_at(parent, name.c_str(), AT_REMOVEDIR);
}

// Whether it is still there: of a cgroup that was removed since it was opened the files say ENODEV.
bool prepare(int dir, int parent, const std::function<void(int dir, int parent)>& each) {
  try {
    each(dir, parent);
    return true;
  } catch (const SysError& error) {
    if (error.error() == ENODEV) return false;
    throw;
  }
}

// One attempt of make_cgroup: nothing when a parent was removed under our hands.
std::optional<MadeCgroup> try_make(int root, const std::vector<std::string>& components,
                                   const std::string& path,
                                   const std::function<void(int dir, int parent)>& each) {
  MadeCgroup current;
  Rollback undo;
  std::string below_root;
  for (size_t i = 0; i < components.size(); ++i) {
    const int parent = i == 0 ? root : current.dir.get();
    below_root += (i == 0 ? "" : "/") + components[i];
    const char* name = components[i].c_str();
    const sys::Status made = sys::mkdir_at(parent, name, kMode);
    if (made.error() == ENOENT) return std::nullopt;
    if (!made.ok() && made.error() != EEXIST) throw SysError(made.error(), "create cgroup ", path);
    if (made.ok())
      undo.on_failure([root, below_root] { (void)sys::unlink_at(root, below_root.c_str(), AT_REMOVEDIR); });
    sys::Result<UniqueFd> dir = sys::open_at(parent, name, kDirectory);
    if (dir.error() == ENOENT) return std::nullopt;
    UniqueFd opened = check(std::move(dir), "open cgroup ", path);
    if (made.ok() && i + 1 < components.size()) set_mark(opened.get(), kParentNames, "1");
    if (!prepare(opened.get(), parent, each)) return std::nullopt;
    current = {.dir = std::move(opened), .made = made.ok()};
  }
  undo.commit();
  return current;
}

void walk(int dir, const std::function<void(int)>& visit, int depth) {
  visit(dir);
  if (depth > kDepthLimit) return;
  for (const std::string& name : child_cgroups(dir)) {
    const sys::Result<UniqueFd> child = sys::open_at(dir, name.c_str(), kDirectory);
    if (child.ok()) walk(child->get(), visit, depth + 1);
  }
}

void find_marked(int dir, const std::string& path, const std::string& value, int depth,
                 std::vector<std::string>& found) {
  if (get_mark(dir, kMadeNames) == value || get_mark(dir, kAdoptedNames) == value) {
    found.push_back(path);
    return;  // what is inside belongs to it
  }
  if (depth > kDepthLimit) return;
  for (const std::string& name : child_cgroups(dir)) {
    const sys::Result<UniqueFd> child = sys::open_at(dir, name.c_str(), kDirectory);
    if (child.ok()) find_marked(child->get(), cat(path, "/", name), value, depth + 1, found);
  }
}

}  // namespace

UniqueFd open_cgroup_root(const std::string& mount_point, CgroupVersion version) {
  UniqueFd root =
      check(sys::open_at(AT_FDCWD, mount_point.c_str(), O_RDONLY | O_DIRECTORY), "open ", mount_point);
  const auto magic = check(sys::fstatfs(root.get()), "statfs ", mount_point).f_type;
  const auto expected = version == CgroupVersion::kV2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC;
  if (magic != expected)
    throw Error(ErrorKind::kUnsupported, mount_point, " is not a cgroup file system of version ",
                version == CgroupVersion::kV2 ? "2" : "1");
  return root;
}

std::vector<std::string> cgroup_components(std::string_view path) {
  if (path.find('\0') != std::string_view::npos)
    throw Error(ErrorKind::kConfig, "cgroup path ", quote(path), " contains a NUL byte");
  std::vector<std::string> components;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty()) continue;
    // runc cleans such a path, crun followed it out of cgroupfs (R15): whoever writes it means no good.
    if (part == "." || part == "..")
      throw Error(ErrorKind::kConfig, "cgroup path ", quote(path), " contains \"", part, "\"");
    components.emplace_back(part);
  }
  return components;
}

sys::Result<UniqueFd> open_cgroup(int root, const std::string& path) {
  const std::vector<std::string> components = cgroup_components(path);
  if (components.empty()) return sys::open_at(root, ".", kDirectory);
  constexpr uint64_t kInside = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  sys::Result<UniqueFd> opened = sys::openat2(root, join(components, "/").c_str(), kDirectory, kInside);
  // EPERM: seccomp profiles older than the call answer so (moby #42680).
  if (opened.error() != ENOSYS && opened.error() != EPERM) return opened;
  opened = sys::open_at(root, components.front().c_str(), kDirectory);
  for (size_t i = 1; i < components.size() && opened.ok(); ++i)
    opened = sys::open_at(opened->get(), components[i].c_str(), kDirectory);
  return opened;
}

MadeCgroup make_cgroup(int root, const std::string& path,
                       const std::function<void(int dir, int parent)>& each) {
  const std::vector<std::string> components = cgroup_components(path);
  if (components.empty()) throw Error(ErrorKind::kConfig, "a container cannot use the root cgroup");
  // Another container's end may remove the common parent between our two mkdirs: begin again.
  for (int attempt = 0; attempt < kMkdirAttempts; ++attempt) {
    if (std::optional<MadeCgroup> made = try_make(root, components, path, each)) return std::move(*made);
  }
  throw Error(ErrorKind::kSystem, "create cgroup ", path, ": its parent keeps being removed");
}

sys::Status remove_cgroup(int root, const std::string& path) {
  const size_t slash = path.rfind('/');
  const sys::Result<UniqueFd> parent = open_cgroup(root, path.substr(0, slash));
  if (!parent.ok()) return parent.status();
  return remove_below(parent->get(), path.substr(slash + 1), 0);
}

void remove_made_parents(int root, const std::string& path) {
  std::string current = path;
  for (;;) {
    current.resize(current.rfind('/'));
    if (current.empty()) return;
    const sys::Result<UniqueFd> dir = open_cgroup(root, current);
    if (!dir.ok() || get_mark(dir->get(), kParentNames).empty()) return;
    const size_t slash = current.rfind('/');
    const sys::Result<UniqueFd> parent = open_cgroup(root, current.substr(0, slash));
    if (!parent.ok()) return;
    if (!sys::unlink_at(parent->get(), current.c_str() + slash + 1, AT_REMOVEDIR).ok()) return;
  }
}

sys::Status write_cgroup_file(int dir, const std::string& file, std::string_view value) {
  const sys::Result<UniqueFd> opened = sys::open_at(dir, file.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW);
  if (!opened.ok()) return opened.status();
  // One write: cgroupfs parses each write on its own.
  const sys::Result<size_t> written = sys::write(opened->get(), value.data(), value.size());
  return written.status();
}

std::optional<std::string> read_cgroup_file(int dir, const std::string& file) {
  const sys::Result<UniqueFd> opened = sys::open_at(dir, file.c_str(), O_RDONLY | O_NOFOLLOW);
  if (opened.error() == ENOENT) return std::nullopt;
  if (!opened.ok()) throw SysError(opened.error(), "open ", file);
  return read_fd(opened->get(), file, kFileLimit);
}

std::vector<std::string> child_cgroups(int dir) {
  std::vector<std::string> children;
  // kernfs counts subdirectories in st_nlink: most cgroups have none, and a stat of each of 40 files is
  // saved.
  const sys::Result<struct stat> self = sys::fstat(dir);
  if (self.ok() && self->st_nlink == 2) return children;
  std::vector<std::string> names;
  try {
    names = list_dir(dir, ".");
  } catch (const SysError&) {
    return children;  // removed while we looked
  }
  for (std::string& name : names) {
    const sys::Result<struct stat> st = sys::stat_at(dir, name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (st.ok() && S_ISDIR(st->st_mode)) children.push_back(std::move(name));
  }
  return children;
}

void walk_cgroups(int dir, const std::function<void(int dir)>& visit) {
  walk(dir, visit, 0);
}

std::vector<pid_t> cgroup_processes(int dir) {
  std::vector<pid_t> pids;
  walk_cgroups(dir, [&](int cgroup) {
    std::optional<std::string> text;
    try {
      text = read_cgroup_file(cgroup, "cgroup.procs");
    } catch (const SysError& error) {
      // ENODEV: removed meanwhile. EOPNOTSUPP: a threaded cgroup, its processes are listed above it.
      if (error.error() != ENODEV && error.error() != EOPNOTSUPP) throw;
    }
    if (!text) return;
    for (const std::string_view line : split(*text, '\n')) {
      const std::optional<pid_t> pid = parse_number<pid_t>(line);
      if (pid && *pid > 0) pids.push_back(*pid);
    }
  });
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

std::vector<std::string> available_controllers(int dir) {
  std::vector<std::string> names;
  const std::string text = read_cgroup_file(dir, "cgroup.controllers").value_or("");
  for (const std::string_view name : split(trim(text), ' ')) {
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

void enable_controllers(int dir, const std::vector<std::string>& wanted) {
  const std::vector<std::string> available = available_controllers(dir);
  const std::string enabled =
      cat(" ", trim(read_cgroup_file(dir, "cgroup.subtree_control").value_or("")), " ");
  std::vector<std::string> missing;
  for (const std::string& name : wanted) {
    const bool can = std::find(available.begin(), available.end(), name) != available.end();
    if (can && enabled.find(cat(" ", name, " ")) == std::string::npos) missing.push_back("+" + name);
  }
  if (missing.empty()) return;
  if (write_cgroup_file(dir, "cgroup.subtree_control", join(missing, " ")).ok()) return;
  // One that cannot be enabled makes the kernel refuse the whole line.
  for (const std::string& name : missing) (void)write_cgroup_file(dir, "cgroup.subtree_control", name);
}

void mark_cgroup(int dir, CgroupMark mark, std::string_view value) {
  set_mark(dir, names_of(mark), value);
}

void unmark_cgroup(int dir, CgroupMark mark) {
  (void)sys::remove_xattr(dir, names_of(mark).trusted);
  (void)sys::remove_xattr(dir, names_of(mark).user);
}

std::string cgroup_mark(int dir, CgroupMark mark) {
  return get_mark(dir, names_of(mark));
}

std::string cgroup_owner_mark(const std::string& owner, const std::string& id) {
  return cat(owner, "\n", id);
}

std::vector<std::string> find_marked_cgroups(int root, const std::string& value) {
  std::vector<std::string> found;
  find_marked(root, "", value, 0, found);
  return found;
}

}  // namespace crunlite::runtime
