// SPDX-License-Identifier: Apache-2.0
// `features` (runtime-spec features.md): what this build really does. dockerd, containerd and CRI-O switch
// things on by it, so every list is the very table that the code parses with.
#include "cmd/criu_program.h"
#include "cmd/grammar.h"
#include "cmd/output.h"
#include "cmd/verbs.h"
#include "cmd/version.h"
#include "oci/annotations.h"
#include "oci/names.h"
#include "rootfs/mount_options.h"
#include "runtime/capabilities.h"
#include "runtime/seccomp.h"

namespace crunlite::cmd {
namespace {

using json::Array;
using json::Object;

Array strings(const std::vector<std::string>& values) {
  return Array(values.begin(), values.end());
}

template <class Enum, size_t N>
Array names(const oci::Name<Enum> (&table)[N]) {
  Array out;
  for (const oci::Name<Enum>& row : table) out.emplace_back(row.name);
  return out;
}

Array hook_names() {
  Array out;
  for (const oci::HookPhase& phase : oci::kHookPhases) out.emplace_back(phase.name);
  return out;
}

// Those that let whoever may set them do more than describe a container.
Array unsafe_annotations() {
  Array out;
  for (const oci::KnownAnnotation& known : oci::kAnnotations)
    if (known.kind == oci::AnnotationKind::kUnsafe) out.emplace_back(known.name);
  return out;
}

Object seccomp() {
  return {{"enabled", true},
          {"actions", names(oci::kSeccompActions)},
          {"operators", names(oci::kSeccompOperators)},
          {"archs", strings(runtime::seccomp_architecture_names())},
          {"knownFlags", strings(runtime::seccomp_flag_names())},
          {"supportedFlags", strings(runtime::supported_seccomp_flag_names())}};
}

Object linux_features() {
  const Object off{{"enabled", false}};
  const Object on{{"enabled", true}};
  return {{"namespaces", names(oci::kNamespaceTypes)},
          {"capabilities", strings(runtime::capability_names())},
          {"cgroup",
           Object{{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", true}}},
          {"seccomp", seccomp()},
          {"apparmor", on},
          {"selinux", on},
          {"memoryPolicy",
           Object{{"modes", names(oci::kMemoryPolicyModes)}, {"flags", names(oci::kMemoryPolicyFlags)}}},
          {"intelRdt", Object{{"enabled", true}, {"schemata", true}, {"monitoring", true}}},
          {"mountExtensions", Object{{"idmap", on}}},
          {"netDevices", on}};
}

}  // namespace

int features(const Globals&, const Args& args) {
  Grammar grammar("crun-lite features", "Print what this build can do, as JSON");
  if (!grammar.read(args)) return 0;
  const Object annotations{
      {"io.github.seccomp.libseccomp.version", runtime::libseccomp_version()},
      {"org.opencontainers.runc.checkpoint.enabled", find_criu().path.empty() ? "false" : "true"},
      {"io.github.crun-lite.version", kVersion},
      {"io.github.crun-lite.commit", commit()}};
  const Object document{{"ociVersionMin", "1.0.0"},
                        {"ociVersionMax", "1.3.0"},
                        {"hooks", hook_names()},
                        {"mountOptions", strings(rootfs::mount_option_names())},
                        {"linux", linux_features()},
                        {"annotations", annotations},
                        {"potentiallyUnsafeConfigAnnotations", unsafe_annotations()}};
  print_json(document, json::Style::kIndentedByFour);
  return 0;
}

}  // namespace crunlite::cmd
