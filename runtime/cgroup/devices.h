// SPDX-License-Identifier: Apache-2.0
// Which devices a container may use: linux.resources.devices, in order, the later rule wins, separately for
// reading, writing and mknod; then the devices that every container needs. Expressed for cgroup v1 as writes
// to devices.allow and devices.deny, for v2 as a BPF program on the cgroup.
#pragma once

#include <linux/bpf.h>

#include <vector>

#include "oci/spec.h"
#include "runtime/cgroup/settings.h"

namespace crunlite::runtime {

// The rules of the document and, after them, those for the default devices and for mknod of any device (which
// gives no access: opening is what is checked). As runc appends them.
std::vector<oci::DeviceRule> with_default_devices(std::vector<oci::DeviceRule> rules);

// `present` is what devices.list holds: of a list of devices only the difference is written, so that a
// running container never loses a device that it keeps. Throws Error(kUnsupported) for what v1's list of
// exceptions cannot say: a device taken out of a wider rule.
Settings device_settings_v1(const std::vector<oci::DeviceRule>& rules, std::string_view present = "");

// A program of type BPF_PROG_TYPE_CGROUP_DEVICE; what no rule decides is denied.
std::vector<bpf_insn> device_program(const std::vector<oci::DeviceRule>& rules);

// Puts the program on the cgroup in place of those that are there. Throws SysError.
void attach_device_program(int cgroup, const std::vector<bpf_insn>& program);

}  // namespace crunlite::runtime
