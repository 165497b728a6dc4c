// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt: a container's class of service for cache and memory bandwidth, and its monitoring group, in
// the resctrl file system (Documentation/arch/x86/resctrl.rst; config-linux.md, Intel RDT). Not a cgroup:
// another file system with rules of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/proc.h"
#include "oci/spec.h"

namespace crunlite::runtime {

// What the record keeps: where the container's groups are and which of them are ours to remove.
struct RdtPlan {
  std::string root;        // the mount point of resctrl; empty: the container asks for none
  std::string id;          // of the container: the name of its monitoring group
  std::string class_name;  // below the root; empty: the root class itself ("/")
  bool class_existed = false;
  bool monitoring = false;

  bool used() const { return !root.empty(); }
};
json::Value encode_rdt_plan(const RdtPlan& plan);
RdtPlan decode_rdt_plan(const json::Reader& reader);

// Where resctrl is mounted, from the text of mountinfo; nothing when it is not.
std::optional<std::string> resctrl_mount(std::string_view mountinfo);

// Without intelRdt an empty plan. Throws Error(kUnsupported) when resctrl is not mounted, Error(kConfig) for
// a class that does not exist and comes without a schema to make it with.
RdtPlan plan_rdt(const std::optional<oci::IntelRdt>& rdt, const std::string& id, const Proc& proc);
RdtPlan plan_rdt_at(const std::string& root, const oci::IntelRdt& rdt, const std::string& id);

// The lines to write to `schemata`: l3CacheSchema without what memBwSchema says, memBwSchema, schemata.
std::vector<std::string> rdt_schemata(const oci::IntelRdt& rdt);
// Whether a group that holds `present` gives what every line of `wanted` says.
bool rdt_schemata_match(std::string_view present, const std::vector<std::string>& wanted);

// The container's groups: removed again if we unwind.
class Rdt {
 public:
  // For tests: makes the files that the kernel puts into a new group.
  using Populate = std::function<void(int dir)>;

  // Makes the class and its monitoring group and sets the schemata. Error(kConfig) when a class that was
  // there has others.
  static Rdt create(const RdtPlan& plan, const oci::IntelRdt& rdt, const Populate& populate = {});
  Rdt() = default;
  Rdt(Rdt&& other) noexcept;
  Rdt& operator=(Rdt&& other) noexcept;
  ~Rdt();
  void keep() { armed_ = false; }
  // For the record: of two creates that wanted to make one class, only the one that did may remove it.
  const RdtPlan& made() const { return plan_; }
  void join(pid_t pid) const;

 private:
  RdtPlan plan_;
  bool armed_ = false;
};

// A further process of the container (`exec`) joins its groups. When somebody has removed one, the kernel has
// moved the container's processes to the group above it, and there is nothing to join.
void enter_rdt(const RdtPlan& plan, pid_t pid);
// Other schemata for the container's class (`update`). Returns what was there, for write_rdt_schemata.
std::string update_rdt(const RdtPlan& plan, const std::vector<std::string>& lines);
// Best effort, for taking an update back.
void write_rdt_schemata(const RdtPlan& plan, std::string_view text);
// The member intel_rdt of `events`.
json::Object rdt_stats(const RdtPlan& plan);
// Removes what create() made; what is gone is fine.
void remove_rdt(const RdtPlan& plan);

}  // namespace crunlite::runtime
