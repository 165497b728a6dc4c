// SPDX-License-Identifier: Apache-2.0
#include "runtime/systemd/protocol.h"

#include "base/error.h"

namespace crunlite::runtime {
namespace {

// The two programs come from one build; a mixture of two installations is refused rather than guessed at.
constexpr int kVersion = 3;

struct OperationName {
  UnitOperation operation;
  std::string_view name;
};
constexpr OperationName kOperations[] = {
    {UnitOperation::kManager, "manager"}, {UnitOperation::kStart, "start"}, {UnitOperation::kSet, "set"},
    {UnitOperation::kAttach, "attach"},   {UnitOperation::kStop, "stop"},
};

std::string_view name_of(UnitOperation operation) {
  for (const OperationName& row : kOperations) {
    if (row.operation == operation) return row.name;
  }
  return "";
}

UnitOperation decode_operation(const json::Reader& at) {
  const std::string name = at.require<std::string>("operation");
  for (const OperationName& row : kOperations) {
    if (row.name == name) return row.operation;
  }
  at.problem(cat("unknown operation ", quote(name)));
  return UnitOperation::kManager;
}

// Runs `body` on the document and throws what it found wrong.
template <class Body>
auto decode(std::string_view text, std::string_view name, Body body) {
  const json::Value document = json::parse(text, name);
  std::vector<std::string> problems;
  const json::Reader at(document, problems);
  if (at.require<int32_t>("version") != kVersion) at.problem("is of another version of crun-lite");
  auto out = body(at);
  if (!problems.empty()) throw Error(ErrorKind::kConfig, name, ": ", problems.front());
  return out;
}

}  // namespace

std::string encode_request(const UnitRequest& request) {
  json::Array properties;
  for (const UnitProperty& property : request.properties)
    properties.push_back(
        json::Object{{"name", property.name}, {"signature", property.signature}, {"value", property.value}});
  return json::dump(
      json::Object{{"version", kVersion},
                   {"operation", name_of(request.operation)},
                   {"addresses", json::Array(request.addresses.begin(), request.addresses.end())},
                   {"unit", request.unit},
                   {"pid", request.pid},
                   {"inside", request.inside},
                   {"slice", request.slice},
                   {"properties", std::move(properties)}});
}

UnitRequest decode_request(std::string_view text) {
  return decode(text, "request", [](const json::Reader& at) {
    UnitRequest out{.operation = decode_operation(at),
                    .addresses = at.require<std::vector<std::string>>("addresses"),
                    .unit = at.require<std::string>("unit"),
                    .pid = at.require<int32_t>("pid"),
                    .inside = at.require<std::string>("inside"),
                    .slice = at.require<std::string>("slice"),
                    .properties = {}};
    at.each("properties", [&](const json::Reader& element) {
      out.properties.push_back({.name = element.require<std::string>("name"),
                                .signature = element.require<std::string>("signature"),
                                .value = element.has("value") ? element.at("value").value() : json::Value()});
    });
    return out;
  });
}

std::string encode_reply(const UnitReply& reply) {
  return json::dump(json::Object{{"version", kVersion},
                                 {"error", reply.error},
                                 {"unreachable", reply.unreachable},
                                 {"exists", reply.exists},
                                 {"cgroup", reply.cgroup}});
}

UnitReply decode_reply(std::string_view text) {
  return decode(text, "reply", [](const json::Reader& at) {
    return UnitReply{.error = at.require<std::string>("error"),
                     .unreachable = at.get("unreachable", false),
                     .exists = at.get("exists", false),
                     .cgroup = at.require<std::string>("cgroup")};
  });
}

}  // namespace crunlite::runtime
