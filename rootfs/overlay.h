// SPDX-License-Identifier: Apache-2.0
// The owner of a mounted overlay: layers below, one writable directory on top. Unmounted on destruction
// unless kept. Chooses between the mount API with lowerdir+ (Linux 6.7) and mount(2) with a page of options.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace crunlite::rootfs {

struct OverlayOptions {
  std::vector<std::string> lowers;  // absolute, uppermost first; at least one
  std::string upper;                // absolute; empty with `work`: a read-only merge of two or more lowers
  std::string work;                 // empty directory on the same file system as `upper`
  std::string target;               // absolute directory
  // No fsync ever reaches the upper's file system. After a crash, or when it has been unmounted and is wanted
  // again, `work/work/incompat/volatile` forbids reuse: throw the upper away.
  bool volatile_upper = false;
  enum class Api {
    kAuto,          // the mount API with lowerdir+, else mount(2)
    kMountSyscall,  // always mount(2) (tests)
  } api = Api::kAuto;
};

// Makes `upper` and `work`. The merged root shows the upper's attributes, so it gets those of the uppermost
// lower.
void make_upper(const OverlayOptions& options);

class OverlayMount {
 public:
  // Throws SysError naming the layer at fault, with a remedy where the kernel's EINVAL has a known cause
  // (overlay on overlay, upper without xattrs or d_type).
  static OverlayMount mount(const OverlayOptions& options);

  OverlayMount(OverlayMount&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  OverlayMount& operator=(OverlayMount&& other) noexcept;
  OverlayMount(const OverlayMount&) = delete;
  OverlayMount& operator=(const OverlayMount&) = delete;
  ~OverlayMount() { unmount(); }

  const std::string& target() const { return target_; }
  // Takes over a mount that was kept, perhaps by a process that is gone; it need not be there any more.
  static OverlayMount adopt(std::string target) { return OverlayMount(std::move(target)); }

  // The mount stays; somebody else unmounts it (engine's record names it).
  void keep() { target_.clear(); }
  // Lazily when busy: the last user's exit frees it.
  void unmount() noexcept;

 private:
  explicit OverlayMount(std::string target) : target_(std::move(target)) {}
  std::string target_;
};

}  // namespace crunlite::rootfs
