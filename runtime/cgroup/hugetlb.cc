// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/hugetlb.rst. Where the kernel counts reservations (5.7), those are
// limited as well: a program then fails at mmap instead of dying of SIGBUS at its first access
// (config-linux.md, Huge page limits).
#include "base/text.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {
namespace {

Settings both(const oci::Resources& resources, std::string_view limit) {
  Settings out;
  for (const oci::HugepageLimit& huge : resources.hugepage_limits) {
    const std::string prefix = cat("hugetlb.", huge.page_size, ".");
    out.push_back({cat(prefix, limit), cat(huge.limit)});
    out.push_back({cat(prefix, "rsvd.", limit), cat(huge.limit), /*optional=*/true});
  }
  return out;
}

}  // namespace

Settings hugetlb_v1(const oci::Resources& resources, const CurrentValue&) {
  return both(resources, "limit_in_bytes");
}

Settings hugetlb_v2(const oci::Resources& resources, const CurrentValue&) {
  return both(resources, "max");
}

}  // namespace crunlite::runtime
