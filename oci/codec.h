// SPDX-License-Identifier: Apache-2.0
// config.json to oci::Spec and back. The names of every enumeration stand in one table each (oci/names.h),
// which parsing, printing and `features` share.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "oci/spec.h"

namespace crunlite::oci {

// Reads what is there, appends "/json/pointer: what is wrong" to `problems` for wrong types, unknown
// enumeration values and missing required members; unknown members are ignored (config.md, Extensibility).
Spec decode_spec(const json::Value& document, std::vector<std::string>& problems);

// The sections that callers also send alone: the process of `exec --process`, the resources of `update`.
Process decode_process(const json::Reader& at);
json::Object encode_process(const Process& process);
Resources decode_resources(const json::Reader& at);
json::Object encode_resources(const Resources& resources);

// The document that decodes to `spec`: members in the specification's order, absent ones left out.
json::Value encode_spec(const Spec& spec);

// The hooks on their own: the runtime keeps some of them in its record.
// The member "mounts" of an object, on its own.
std::vector<Mount> decode_mounts(const json::Value& document, std::vector<std::string>& problems);
Hooks decode_hooks(const json::Reader& at);
json::Object encode_hooks(const Hooks& hooks);

}  // namespace crunlite::oci
