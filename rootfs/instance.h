// SPDX-License-Identifier: Apache-2.0
// A new instance of a file system that is attached nowhere yet (fsopen(2), Linux 5.2): what is mounted where
// a container may move directories about meanwhile, and what has to be made on the host. The child's code,
// which the parent calls too.
#pragma once

#include "base/note.h"
#include "base/sys.h"
#include "rootfs/mount_op.h"

namespace crunlite::rootfs {

// Of type, source, flags and attributes of `op`, with the options of `data` ("size=1m,mode=700"). A
// descriptor of the mount itself, O_PATH. On failure `note` names the option that it was.
sys::Result<UniqueFd> new_instance(const MountOp& op, std::string_view data, Note& note);

}  // namespace crunlite::rootfs
