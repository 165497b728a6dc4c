// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace crunlite::json {
namespace {

// RFC 6901, section 4.
std::string pointer_token(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return printable(out);
}

template <class Integer>
std::optional<Integer> exact_integer(const Value& value) {
  if (const int64_t* i = value.if_int())
    return std::in_range<Integer>(*i) ? std::optional(static_cast<Integer>(*i)) : std::nullopt;
  if (const uint64_t* u = value.if_big())
    return std::in_range<Integer>(*u) ? std::optional(static_cast<Integer>(*u)) : std::nullopt;
  return std::nullopt;
}

}  // namespace

Object::Object(std::initializer_list<Member> members) : members_(members) {}
Object::Object(std::vector<Member> members) : members_(std::move(members)) {}

const Value* Object::find(std::string_view key) const {
  for (const auto& [name, value] : members_)
    if (name == key) return &value;
  return nullptr;
}

Value& Object::add(std::string key, Value value) {
  return members_.emplace_back(Member{std::move(key), std::move(value)}).second;
}

void Object::set(std::string_view key, Value value) {
  for (auto& [name, old] : members_) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  add(std::string(key), std::move(value));
}

void Object::erase(std::string_view key) {
  std::erase_if(members_, [&](const Member& member) { return member.first == key; });
}

Value::Value(uint64_t v) {
  if (std::in_range<int64_t>(v)) {
    data_ = static_cast<int64_t>(v);
  } else {
    data_ = v;
  }
}

std::string_view Value::type_name() const {
  if (if_object()) return "object";
  if (if_array()) return "array";
  if (if_string()) return "string";
  if (if_bool()) return "boolean";
  return is_null() ? "null" : "number";
}

void Reader::problem(std::string_view what) const {
  if (problems_->size() > kMostProblems) return;
  const bool full = problems_->size() == kMostProblems;
  problems_->push_back(full ? "and more" : cat(pointer_.empty() ? "/" : pointer_, ": ", what));
}

const Object* Reader::expect_object() const {
  const Object* object = value_->if_object();
  if (!object) problem(cat("expected object, found ", value_->type_name()));
  return object;
}

bool Reader::has(std::string_view key) const {
  const Object* object = expect_object();
  const Value* member = object ? object->find(key) : nullptr;
  return member && !member->is_null();
}

Reader Reader::at(std::string_view key) const {
  return member(key, *value_->if_object()->find(key));
}

Reader Reader::member(std::string_view key, const Value& value) const {
  Reader reader(value, *problems_);
  reader.pointer_ = pointer_ + pointer_token(key);
  return reader;
}

void Reader::missing(std::string_view key) const {
  if (value_->if_object()) problem(cat("the member ", quote(key), " is missing"));
}

std::vector<Reader> Reader::elements() const {
  std::vector<Reader> out;
  const Array* array = value_->if_array();
  if (!array) {
    problem(cat("expected array, found ", value_->type_name()));
    return out;
  }
  for (size_t i = 0; i < array->size(); ++i) {
    Reader element((*array)[i], *problems_);
    element.pointer_ = cat(pointer_, "/", i);
    out.push_back(std::move(element));
  }
  return out;
}

template <class T>
T Reader::as(T fallback) const {
  if constexpr (std::is_same_v<T, bool>) {
    if (const bool* b = value_->if_bool()) return *b;
    problem(cat("expected boolean, found ", value_->type_name()));
  } else if constexpr (std::is_integral_v<T>) {
    if (const std::optional<T> number = exact_integer<T>(*value_)) return *number;
    if (value_->type_name() != "number") {
      problem(cat("expected number, found ", value_->type_name()));
    } else {
      problem(cat("expected a whole number from ", std::numeric_limits<T>::min(), " to ",
                  std::numeric_limits<T>::max()));
    }
  } else if constexpr (std::is_same_v<T, double>) {
    if (const double* d = value_->if_double()) return *d;
    if (const int64_t* i = value_->if_int()) return static_cast<double>(*i);
    problem(cat("expected number, found ", value_->type_name()));
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (const std::string* s = value_->if_string()) {
      // Every string of these documents ends up in a C string: a NUL would cut it short unseen.
      if (s->find('\0') == std::string::npos) return *s;
      problem("the string contains a NUL character");
    } else {
      problem(cat("expected string, found ", value_->type_name()));
    }
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    T out;
    for (const Reader& element : elements()) out.push_back(element.as<std::string>(""));
    return out;
  } else {
    static_assert(std::is_same_v<T, std::map<std::string, std::string>>);
    T out;
    each_member([&](const std::string& key, const Reader& member) { out[key] = member.as<std::string>(""); });
    return out;
  }
  return fallback;
}

template bool Reader::as(bool) const;
template int32_t Reader::as(int32_t) const;
template int64_t Reader::as(int64_t) const;
template uint16_t Reader::as(uint16_t) const;
template uint32_t Reader::as(uint32_t) const;
template uint64_t Reader::as(uint64_t) const;
template double Reader::as(double) const;
template std::string Reader::as(std::string) const;
template std::vector<std::string> Reader::as(std::vector<std::string>) const;
template std::map<std::string, std::string> Reader::as(std::map<std::string, std::string>) const;

}  // namespace crunlite::json
