// SPDX-License-Identifier: Apache-2.0
// The annotations of config.json that crun-lite acts on: crun's vocabulary (crun(1), ANNOTATIONS) and runc's.
// One table: the code that obeys them and `features` read the same rows. All others are only copied to the
// state.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace crunlite::oci {

using Annotations = std::map<std::string, std::string>;

inline constexpr std::string_view kSystemdProperties = "org.systemd.property.";
inline constexpr std::string_view kKeepOriginalGroups = "run.oci.keep_original_groups";
inline constexpr std::string_view kHooksStdout = "run.oci.hooks.stdout";
inline constexpr std::string_view kHooksStderr = "run.oci.hooks.stderr";
inline constexpr std::string_view kSeccompReceiver = "run.oci.seccomp.receiver";
inline constexpr std::string_view kSeccompBpfData = "run.oci.seccomp_bpf_data";
inline constexpr std::string_view kSeccompFailUnknown = "run.oci.seccomp_fail_unknown_syscall";
inline constexpr std::string_view kMountContextType = "run.oci.mount_context_type";
inline constexpr std::string_view kPidfdReceiver = "run.oci.pidfd_receiver";
inline constexpr std::string_view kCriuConfig = "org.criu.config";
inline constexpr std::string_view kSystemdSubgroup = "run.oci.systemd.subgroup";

// What an annotation may do to the machine. kUnsafe: whoever may set it writes files, talks to sockets or
// loosens the confinement, with our rights; a caller that passes annotations of strangers on has to know
// (features.md, potentiallyUnsafeConfigAnnotations). kRefused: known, and not in crun-lite; without it the
// container would be another one.
enum class AnnotationKind { kSafe, kUnsafe, kRefused };
struct KnownAnnotation {
  std::string_view name;  // a dot at the end: every name that starts so
  AnnotationKind kind;
};
inline constexpr KnownAnnotation kAnnotations[] = {
    {kSystemdProperties, AnnotationKind::kUnsafe},
    {kKeepOriginalGroups, AnnotationKind::kUnsafe},
    {kHooksStdout, AnnotationKind::kUnsafe},
    {kHooksStderr, AnnotationKind::kUnsafe},
    {kSeccompReceiver, AnnotationKind::kUnsafe},
    {kSeccompBpfData, AnnotationKind::kUnsafe},
    {kSeccompFailUnknown, AnnotationKind::kSafe},
    {kMountContextType, AnnotationKind::kUnsafe},
    {kPidfdReceiver, AnnotationKind::kUnsafe},
    {kCriuConfig, AnnotationKind::kUnsafe},
    {kSystemdSubgroup, AnnotationKind::kSafe},
    {"run.oci.delegate-cgroup", AnnotationKind::kRefused},
    {"run.oci.handler", AnnotationKind::kRefused},
    {"run.oci.seccomp.plugins", AnnotationKind::kRefused},
    {"run.oci.systemd.force_cgroup_v1", AnnotationKind::kRefused},
};

// Its value; empty when there is none.
inline std::string annotation(const Annotations& annotations, std::string_view name) {
  const auto found = std::ranges::find(annotations, name, &Annotations::value_type::first);
  return found == annotations.end() ? std::string() : found->second;
}

// Is the switch on? Any value but these is, as with crun.
inline bool switched_on(const Annotations& annotations, std::string_view name) {
  const auto found = std::ranges::find(annotations, name, &Annotations::value_type::first);
  return found != annotations.end() && found->second != "0" && found->second != "false";
}

}  // namespace crunlite::oci
