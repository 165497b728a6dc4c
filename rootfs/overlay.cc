// SPDX-License-Identifier: Apache-2.0
#include "rootfs/overlay.h"

#include <linux/magic.h>
#include <sys/mount.h>

#include "base/error.h"
#include "base/proc.h"
#include "rootfs/attributes.h"

namespace crunlite::rootfs {
namespace {

// A layer's renames and metadata-only copies are never to be believed (an image could fake them), and an
// index would forbid mounting the same upper again after a crash.
constexpr std::pair<const char*, const char*> kSafety[] = {
    {"redirect_dir", "nofollow"}, {"metacopy", "off"}, {"index", "off"}};

// overlayfs.rst: ':' separates lowers, ',' options; a backslash takes that meaning away.
std::string escape(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == ':' || c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

bool is_on_overlay(const std::string& path) {
  const sys::Result<UniqueFd> dir = sys::open_at(AT_FDCWD, path.c_str(), O_PATH);
  if (!dir.ok()) return false;
  const sys::Result<struct statfs> fs = sys::fstatfs(dir->get());
  return fs.ok() && static_cast<unsigned long>(fs->f_type) == OVERLAYFS_SUPER_MAGIC;
}

std::string remedy_for(int error, const OverlayOptions& options) {
  if (error == ENODEV) return "this kernel has no overlay file system: modprobe overlay";
  if (error == EPERM) return "mounting an overlay needs root, or a user namespace on Linux 5.11 or newer";
  if (error == ELOOP) return "two of the layers are the same directory, or one lies inside another";
  if (error != EINVAL) return {};
  if (!options.upper.empty() && is_on_overlay(options.upper)) {
    return cat(
        "the store is itself on an overlay (a container without a volume, or a live system), and overlay "
        "cannot write to overlay: put the store on another file system");
  }
  return "the upper directory's file system must have extended attributes and d_type (ext4, xfs with "
         "ftype=1, "
         "btrfs, tmpfs), and no layer may be in use as another overlay's upper";
}

[[noreturn]] void fail(int error, std::string_view step, const OverlayOptions& options) {
  SysError failure(error, "mount overlay on ", options.target, ": ", step);
  failure.with_remedy(remedy_for(error, options));
  throw failure;
}

// The kernel explains a refused option as "e overlay: …" lines on the context's descriptor.
std::string explanation(int fs) {
  char line[512];
  const sys::Result<size_t> got = sys::read(fs, line, sizeof line);
  if (!got.ok()) return {};
  std::string_view text(line, *got);
  if (text.starts_with("e ")) text.remove_prefix(2);
  return cat(" (", printable(trim(text)), ")");
}

// Before Linux 6.5 (Debian 12 has 6.1) a context of overlay takes every option and refuses the lot when the
// file system is created, with nothing but EINVAL.
bool context_takes_anything() {
  const sys::Result<UniqueFd> fs = sys::fsopen("overlay");
  return fs.ok() && sys::fsconfig_flag(fs->get(), "no-option-of-overlay").ok();
}

// The mount API: one call per layer, so the number of layers has no page to fit into. False when this kernel
// cannot do it (before 6.7, or a seccomp filter that hides it).
bool mount_by_api(const OverlayOptions& options) {
  const sys::Result<UniqueFd> opened = sys::fsopen("overlay");
  if (!opened.ok() && (opened.error() == ENOSYS || opened.error() == EPERM)) return false;
  if (!opened.ok()) fail(opened.error(), "fsopen", options);
  const int fs = opened->get();
  const auto set = [&](const char* key, const std::string& value) {
    const sys::Status status = sys::fsconfig_string(fs, key, value.c_str());
    if (!status.ok()) fail(status.error(), cat(key, "=", value, explanation(fs)), options);
  };
  for (const std::string& lower : options.lowers) {
    const sys::Status status = sys::fsconfig_string(fs, "lowerdir+", lower.c_str());
    if (status.error() == EINVAL && (&lower == &options.lowers.front() || context_takes_anything()))
      return false;
    if (!status.ok()) fail(status.error(), cat("layer ", lower, explanation(fs)), options);
  }
  set("source", "overlay");
  for (const auto& [key, value] : kSafety) set(key, value);
  if (!options.upper.empty()) {
    set("upperdir", escape(options.upper));
    set("workdir", escape(options.work));
  }
  if (options.volatile_upper) {
    const sys::Status status = sys::fsconfig_flag(fs, "volatile");
    if (!status.ok()) fail(status.error(), "volatile", options);
  }
  if (const sys::Status made = sys::fsconfig_create(fs); !made.ok()) {
    if (made.error() == EINVAL && context_takes_anything()) return false;
    fail(made.error(), cat("create", explanation(fs)), options);
  }
  const UniqueFd mounted = check(sys::fsmount(fs, 0), "mount overlay on ", options.target, ": fsmount");
  check(sys::move_mount(mounted.get(), "", AT_FDCWD, options.target.c_str(), MOVE_MOUNT_F_EMPTY_PATH),
        "mount overlay on ", options.target);
  return true;
}

std::string mount_data(const std::vector<std::string>& lowers, const std::string& upper,
                       const std::string& work, bool volatile_upper) {
  std::string data = "lowerdir=" + join(lowers, ":");
  for (const auto& [key, value] : kSafety) data += cat(",", key, "=", value);
  if (!upper.empty()) data += cat(",upperdir=", upper, ",workdir=", work);
  if (volatile_upper) data += ",volatile";
  return data;
}

// Changes the working directory and comes back. Only for processes with one thread, as this program's is.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(int dir) : before_(check(sys::open_at(AT_FDCWD, ".", O_PATH), "open .")) {
    check(sys::fchdir(dir), "change directory");
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { (void)sys::fchdir(before_.get()); }

 private:
  UniqueFd before_;
};

// mount(2) takes one page of options. When the paths don't fit, descriptors stand for them: in a
// /proc/<pid>/fd of our own, "12:13:14" names any directories.
void mount_with_descriptors(const OverlayOptions& options) {
  std::vector<UniqueFd> opened;
  const auto name_of = [&](const std::string& path) {
    opened.push_back(check(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY), "open layer ", path));
    return cat(opened.back().get());
  };
  std::vector<std::string> lowers;
  for (const std::string& lower : options.lowers) lowers.push_back(name_of(lower));
  const std::string upper = options.upper.empty() ? "" : name_of(options.upper);
  const std::string work = options.upper.empty() ? "" : name_of(options.work);
  const Proc proc = check(Proc::open(), "open procfs");
  const UniqueFd fds =
      check(proc.open_file(cat(::getpid(), "/fd").c_str(), O_PATH | O_DIRECTORY), "open /proc/self/fd");
  const WorkingDirectory inside(fds.get());
  const std::string data = mount_data(lowers, upper, work, options.volatile_upper);
  const sys::Status mounted = sys::mount("overlay", options.target.c_str(), "overlay", 0, data.c_str());
  if (!mounted.ok()) fail(mounted.error(), cat(options.lowers.size(), " layers"), options);
}

void mount_by_syscall(const OverlayOptions& options) {
  std::vector<std::string> lowers;
  for (const std::string& lower : options.lowers) lowers.push_back(escape(lower));
  const std::string data =
      mount_data(lowers, escape(options.upper), escape(options.work), options.volatile_upper);
  if (data.size() >= static_cast<size_t>(::getpagesize())) return mount_with_descriptors(options);
  const sys::Status mounted = sys::mount("overlay", options.target.c_str(), "overlay", 0, data.c_str());
  if (!mounted.ok()) fail(mounted.error(), cat(options.lowers.size(), " layers"), options);
}

}  // namespace

void make_upper(const OverlayOptions& options) {
  const auto open_dir = [](const std::string& path) {
    return check(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY), "open ", path);
  };
  for (const std::string* path : {&options.upper, &options.work})
    check(sys::mkdir_at(AT_FDCWD, path->c_str(), 0700), "create directory ", *path);
  const Attributes wanted = read_attributes(open_dir(options.lowers.front()).get());
  with_context(cat("prepare ", options.upper),
               [&] { apply_attributes(open_dir(options.upper).get(), wanted); });
}

OverlayMount OverlayMount::mount(const OverlayOptions& options) {
  if (options.lowers.empty()) throw Error(ErrorKind::kConfig, "an overlay needs at least one layer");
  const bool api = options.api == OverlayOptions::Api::kAuto;
  if (!api || !mount_by_api(options)) mount_by_syscall(options);
  return OverlayMount(options.target);
}

OverlayMount& OverlayMount::operator=(OverlayMount&& other) noexcept {
  unmount();
  target_ = std::exchange(other.target_, {});
  return *this;
}

void OverlayMount::unmount() noexcept {
  if (target_.empty()) return;
  // A process that still stands inside must not keep the mount point in our name space.
  if (sys::umount(target_.c_str(), UMOUNT_NOFOLLOW).error() == EBUSY)
    (void)sys::umount(target_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  target_.clear();
}

}  // namespace crunlite::rootfs
