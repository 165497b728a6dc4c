// SPDX-License-Identifier: Apache-2.0
// A container's limits as properties of its unit, so that systemd shows them and keeps them when it reloads.
// They are made from the settings that the cgroup file system gets too (settings.h): one computation for both
// drivers. What systemd has no property for is left out here and written to the files only. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.h"
#include "runtime/cgroup/settings.h"
#include "runtime/systemd/protocol.h"

namespace crunlite::runtime {

enum class LimitsOf { kV1, kV2 };
std::vector<UnitProperty> limit_properties(const Settings& settings, LimitsOf version);

// DevicePolicy and DeviceAllow: at least what the rules allow, because systemd's list knows no exceptions;
// the exact filter is crun-lite's own, and a process needs the consent of both. `devices` is the text of
// /proc/devices, which has the names that systemd wants for a whole major number.
std::vector<UnitProperty> device_properties(const std::vector<oci::DeviceRule>& rules,
                                            std::string_view devices);

// The annotations org.systemd.property.NAME, in GVariant text; a NAME that ends in Sec becomes NAME with
// USec. Throws Error(kConfig).
std::vector<UnitProperty> annotated_properties(const std::map<std::string, std::string>& annotations);

}  // namespace crunlite::runtime
