// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"

namespace crunlite::json {
namespace {

// Builds a Value from nlohmann's parser events; refuses what the parser itself would let through.
class Builder {
 public:
  using number_integer_t = int64_t;
  using number_unsigned_t = uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  explicit Builder(size_t max_depth) : max_depth_(max_depth) {}

  bool null() { return put(Value()); }
  bool boolean(bool v) { return put(Value(v)); }
  bool number_integer(int64_t v) { return put(Value(v)); }
  bool number_unsigned(uint64_t v) { return put(Value(v)); }
  bool number_float(double v, const std::string&) { return put(Value(v)); }
  bool string(std::string& v) { return put(Value(std::move(v))); }
  bool binary(binary_t&) { return false; }
  bool start_object(size_t) { return open(Value(Object())); }
  bool start_array(size_t) { return open(Value(Array())); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (!is_new_key(name)) {
      complaint_ = cat("the key ", quote(name), " stands twice in one object");
      return false;
    }
    keys_.back() = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) {
    position_ = position;
    complaint_ = error.what();
    return false;
  }

  Value take() { return std::move(root_); }
  const std::string& complaint() const { return complaint_; }
  // 1-based offset of the byte where the parser stopped; 0 when it did not say.
  size_t position() const { return position_; }

 private:
  bool open(Value container) {
    if (stack_.size() == max_depth_) {
      complaint_ = cat("nested deeper than ", max_depth_, " levels");
      return false;
    }
    stack_.push_back(std::move(container));
    keys_.emplace_back();
    seen_.emplace_back();
    return true;
  }
  bool close() {
    Value done = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    seen_.pop_back();
    return put(std::move(done));
  }
  // Objects are small, so the members themselves are looked through; only a hostile document gets a set, lest
  // 4 MiB of keys take minutes.
  bool is_new_key(const std::string& name) {
    constexpr size_t kSmall = 64;
    const Object& object = *stack_.back().if_object();
    std::unordered_set<std::string>& seen = seen_.back();
    if (object.size() < kSmall) return !object.find(name);
    if (seen.empty())
      for (const auto& [key, unused] : object) seen.insert(key);
    return seen.insert(name).second;
  }
  bool put(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (Array* array = stack_.back().if_array()) {
      array->push_back(std::move(value));
    } else {
      stack_.back().if_object()->add(std::move(keys_.back()), std::move(value));
    }
    return true;
  }

  size_t max_depth_;
  Value root_;
  std::vector<Value> stack_;
  std::vector<std::string> keys_;
  std::vector<std::unordered_set<std::string>> seen_;
  std::string complaint_;
  size_t position_ = 0;
};

struct Place {
  size_t line = 1;
  size_t column = 1;
};

Place place_of(std::string_view text, size_t offset) {
  Place place;
  for (const char c : text.substr(0, offset)) {
    ++place.column;
    if (c == '\n') place = {.line = place.line + 1, .column = 1};
  }
  return place;
}

// nlohmann's text is "[json.exception.…] parse error at line 1, column 2: syntax error while …: …": keep the
// end.
std::string tidy(const std::string& message) {
  const size_t start = message.find("syntax error");
  return printable(start == std::string::npos ? message : message.substr(start));
}

nlohmann::ordered_json to_library(const Value& value) {
  if (const bool* b = value.if_bool()) return *b;
  if (const int64_t* i = value.if_int()) return *i;
  if (const uint64_t* u = value.if_big()) return *u;
  if (const double* d = value.if_double()) return *d;
  if (const std::string* s = value.if_string()) return *s;
  if (const Array* a = value.if_array()) {
    auto out = nlohmann::ordered_json::array();
    for (const Value& element : *a) out.push_back(to_library(element));
    return out;
  }
  if (const Object* o = value.if_object()) {
    auto out = nlohmann::ordered_json::object();
    for (const auto& [key, member] : *o) out.push_back({key, to_library(member)});
    return out;
  }
  return nullptr;
}

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

Value parse(std::string_view text, std::string_view name, Limits limits) {
  if (text.size() > limits.bytes)
    throw Error(ErrorKind::kConfig, name, ": larger than ", limits.bytes, " bytes");
  Builder builder(limits.depth);
  if (nlohmann::json::sax_parse(text, &builder)) return builder.take();
  if (builder.position() == 0) throw Error(ErrorKind::kConfig, name, ": ", builder.complaint());
  const Place place = place_of(text, builder.position() - 1);
  throw Error(ErrorKind::kConfig, name, ":", place.line, ":", place.column,
              ": not JSON: ", tidy(builder.complaint()));
}

std::string dump(const Value& value, Style style) {
  // A string that is not UTF-8 (a file name, a label) must not make the document unreadable.
  return to_library(value).dump(style == Style::kIndented ? 2 : -1, ' ', false,
                                nlohmann::json::error_handler_t::replace);
}

void Reader::problem(std::string_view what) const {
  problems_->push_back(cat(pointer_.empty() ? "/" : pointer_, ": ", what));
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
