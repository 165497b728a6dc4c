// SPDX-License-Identifier: Apache-2.0
// The JSON of the two documents of state.h, a container's record and the bridge network. Nothing here reads
// or writes a file.
#pragma once

#include "base/json.h"
#include "net/state.h"

namespace crunlite::net {

json::Value encode(const Record& record);
json::Value encode(const BridgeNetwork& network);
// Throw Error(kConfig) with everything that is wrong.
Record decode_record(const json::Value& value, std::string_view name);
BridgeNetwork decode_bridge(const json::Value& value, std::string_view name);

}  // namespace crunlite::net
