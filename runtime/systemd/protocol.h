// SPDX-License-Identifier: Apache-2.0
// What crun-lite asks of crun-lite-systemd, and what that answers: one request on its standard input, one
// reply on its standard output, each a JSON document. The program exists so that the static crun-lite need
// not carry a D-Bus library; it decides nothing. No D-Bus here: that is bus.h, which only that program links.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace crunlite::runtime {

// A property of a unit, as systemd's D-Bus interface has it (org.freedesktop.systemd1(5)). The signature is
// made of the types y b n q i u x t d s o g, arrays and structures; a structure's value is an array.
struct UnitProperty {
  std::string name;
  std::string signature;
  json::Value value;
};

enum class UnitOperation {
  kManager,  // which cgroup the manager itself is the root of
  kStart,    // StartTransientUnit with these properties, until its job is done
  kSet,      // SetUnitProperties, until the next restart of the machine
  kAttach,   // move a process into the unit, or into a cgroup inside it
  // StopUnit until its job is done, ResetFailedUnit. A unit that is not there is fine, and one in another
  // slice is left alone.
  kStop,
};

struct UnitRequest {
  UnitOperation operation = UnitOperation::kManager;
  // D-Bus addresses of the manager, tried in this order. One that ends in "/systemd/private" is systemd's own
  // socket, with nobody in between.
  std::vector<std::string> addresses;
  std::string unit;
  pid_t pid = 0;       // kAttach
  std::string inside;  // kAttach: the cgroup below the unit's, "/container"; empty: the unit's
  std::string slice;   // kStop: of the unit that is meant
  std::vector<UnitProperty> properties;
};

// Either the error is set or the operation was done.
struct UnitReply {
  std::string error;
  bool unreachable = false;  // the error is that no manager answers at any of the addresses
  bool exists = false;       // the error is that somebody else has a unit of this name
  std::string cgroup;        // kStart: the unit's; kManager: the manager's ("" and "/" are the root)
};

std::string encode_request(const UnitRequest& request);
std::string encode_reply(const UnitReply& reply);
// Throw Error(kConfig) for anything but a document of encode_*().
UnitRequest decode_request(std::string_view text);
UnitReply decode_reply(std::string_view text);

}  // namespace crunlite::runtime
