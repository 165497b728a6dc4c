// SPDX-License-Identifier: Apache-2.0
// What the codec files share: small helpers over json::Reader for decoding, and Members, which builds an
// object member by member and leaves out what the specification lets be absent. Internal to oci/.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "oci/codec.h"
#include "oci/names.h"

namespace crunlite::oci {

using json::Array;
using json::Object;
using json::Reader;
using json::Value;

// --- decoding
// Anything but an object is reported once here instead of once per member.
inline bool is_object(const Reader& at) {
  if (at.value().if_object()) return true;
  at.problem(cat("expected object, found ", at.value().type_name()));
  return false;
}

// A string member that must be one of the table's names; absent: nothing.
template <class Enum, size_t N>
std::optional<Enum> named(const Reader& at, std::string_view key, std::string_view what,
                          const Name<Enum> (&table)[N]) {
  if (!at.has(key)) return std::nullopt;
  const Reader member = at.at(key);
  const std::string* text = member.value().if_string();
  if (!text) {
    (void)member.as<std::string>("");  // says what it found instead
    return std::nullopt;
  }
  if (const Name<Enum>* row = find_name(table, *text)) return row->value;
  member.problem(unknown_name(what, *text, table));
  return std::nullopt;
}

template <class Enum, size_t N>
Enum require_named(const Reader& at, std::string_view key, std::string_view what,
                   const Name<Enum> (&table)[N]) {
  if (!at.has(key)) (void)at.require<std::string>(key);  // reports the missing member
  return named(at, key, what, table).value_or(table[0].value);
}

// An array of such names.
template <class Enum, size_t N>
std::vector<Enum> named_list(const Reader& at, std::string_view key, std::string_view what,
                             const Name<Enum> (&table)[N]) {
  std::vector<Enum> out;
  at.each(key, [&](const Reader& element) {
    const std::string* text = element.value().if_string();
    if (const Name<Enum>* row = text ? find_name(table, *text) : nullptr)
      out.push_back(row->value);
    else
      element.problem(text ? unknown_name(what, *text, table)
                           : cat("expected string, found ", element.value().type_name()));
  });
  return out;
}

// Calls visit(member) when the object member `key` is there.
template <class Visit>
void object_member(const Reader& at, std::string_view key, Visit visit) {
  if (!at.has(key)) return;
  if (const Reader member = at.at(key); is_object(member)) visit(member);
}

template <class T, class Decode>
std::vector<T> list(const Reader& at, std::string_view key, Decode decode) {
  std::vector<T> out;
  at.each(key, [&](const Reader& element) {
    if (is_object(element)) out.push_back(decode(element));
  });
  return out;
}

// --- encoding
// Members in the order of the calls.
class Members {
 public:
  Members& always(std::string_view key, Value value) {
    object_.add(std::string(key), std::move(value));
    return *this;
  }
  Members& text(std::string_view key, const std::string& value) {
    return value.empty() ? *this : always(key, value);
  }
  template <class Number>
  Members& number(std::string_view key, Number value) {
    return value == 0 ? *this : always(key, value);
  }
  Members& flag(std::string_view key, bool value) { return value ? always(key, true) : *this; }
  template <class T>
  Members& maybe(std::string_view key, const std::optional<T>& value) {
    return value ? always(key, *value) : *this;
  }
  Members& strings(std::string_view key, const std::vector<std::string>& values) {
    return values.empty() ? *this : always(key, Array(values.begin(), values.end()));
  }
  Members& number(std::string_view key, int64_t value) { return value ? always(key, value) : *this; }
  // As the image-spec has them: {"5000/tcp": {}}.
  Members& set(std::string_view key, const std::vector<std::string>& names) {
    Object out;
    for (const std::string& name : names) out.add(name, Object());
    return object(key, std::move(out));
  }
  Members& map(std::string_view key, const std::map<std::string, std::string>& values) {
    Object out;
    for (const auto& [name, value] : values) out.add(name, value);
    return object(key, std::move(out));
  }
  template <class Enum, size_t N>
  Members& names(std::string_view key, const std::vector<Enum>& values, const Name<Enum> (&table)[N]) {
    return list(key, values, [&](Enum value) { return name_of(table, value); });
  }
  template <class T, class Encode>
  Members& list(std::string_view key, const std::vector<T>& values, Encode encode) {
    Array out;
    for (const T& value : values) out.emplace_back(encode(value));
    return out.empty() ? *this : always(key, std::move(out));
  }
  Members& object(std::string_view key, Object value) {
    return value.empty() ? *this : always(key, std::move(value));
  }
  Object take() { return std::move(object_); }

 private:
  Object object_;
};

// --- sections that have a file of their own; codec.h has those that are documents by themselves too
Seccomp decode_seccomp(const Reader& at);
Object encode_seccomp(const Seccomp& seccomp);

}  // namespace crunlite::oci
