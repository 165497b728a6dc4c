// SPDX-License-Identifier: Apache-2.0
// JSON documents: strict reading (RFC 8259, UTF-8 checked, duplicate keys and deep nesting refused) into a
// small value type, typed access whose errors name the place by JSON pointer (RFC 6901), and writing. The
// parser is RapidJSON's, hidden behind this file so that it can be replaced without touching a caller.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace crunlite::json {

class Value;
using Array = std::vector<Value>;
struct Member;

// Members in document order: what is written comes out as it was put in.
class Object {
 public:
  Object();
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();
  Object(std::initializer_list<Member> members);
  explicit Object(std::vector<Member> members);
  const Value* find(std::string_view key) const;
  // Appends; the caller makes sure that the key is new.
  Value& add(std::string key, Value value);
  // Replaces or appends.
  void set(std::string_view key, Value value);
  void erase(std::string_view key);
  size_t size() const;
  bool empty() const;
  const Member* begin() const;
  const Member* end() const;

 private:
  std::vector<Member> members_;
};

class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool v) : data_(v) {}
  Value(int v) : data_(int64_t{v}) {}
  Value(int64_t v) : data_(v) {}
  Value(uint32_t v) : data_(int64_t{v}) {}
  Value(uint64_t v);  // stays exact above INT64_MAX
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(std::string_view v) : data_(std::string(v)) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(Array v) : data_(std::move(v)) {}
  Value(Object v) : data_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* if_bool() const { return std::get_if<bool>(&data_); }
  const int64_t* if_int() const { return std::get_if<int64_t>(&data_); }
  const uint64_t* if_big() const { return std::get_if<uint64_t>(&data_); }  // only above INT64_MAX
  const double* if_double() const { return std::get_if<double>(&data_); }
  const std::string* if_string() const { return std::get_if<std::string>(&data_); }
  const Array* if_array() const { return std::get_if<Array>(&data_); }
  const Object* if_object() const { return std::get_if<Object>(&data_); }
  Array* if_array() { return std::get_if<Array>(&data_); }
  Object* if_object() { return std::get_if<Object>(&data_); }
  // "object", "array", "string", "number", "boolean" or "null".
  std::string_view type_name() const;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> data_;
};

// What one document may cost. A value takes 72 bytes while it is read, so [0,0,…] would need 140 times the
// memory of its text; no document that anybody means has as many values as these.
struct Limits {
  size_t depth = 100;
  size_t bytes = 4u << 20;
  size_t values = 200'000;
};

// Not a std::pair, which must not be named before both its halves are complete.
struct Member {
  std::string first;
  Value second;
};

inline Object::Object() = default;
inline Object::Object(const Object&) = default;
inline Object::Object(Object&&) noexcept = default;
inline Object& Object::operator=(const Object&) = default;
inline Object& Object::operator=(Object&&) noexcept = default;
inline Object::~Object() = default;
inline size_t Object::size() const {
  return members_.size();
}
inline bool Object::empty() const {
  return members_.empty();
}
inline const Member* Object::begin() const {
  return members_.data();
}
inline const Member* Object::end() const {
  return members_.data() + members_.size();
}

// Throws Error(kConfig): "NAME:LINE:COLUMN: …". `name` is what the document is called in the message.
Value parse(std::string_view text, std::string_view name, Limits limits = {});

// Two spaces per level as runc and docker print, or four as runc's `features` has them; without a trailing
// newline.
enum class Style { kCompact, kIndented, kIndentedByFour };
std::string dump(const Value& value, Style style = Style::kCompact);

// Reads a document that somebody else wrote. Collects the problems as "/process/args: expected array, found
// string" instead of stopping at the first, so that one run shows what is wrong with a config.json: the first
// kMostProblems of them, and that there are more.
constexpr size_t kMostProblems = 50;
class Reader {
 public:
  Reader(const Value& value, std::vector<std::string>& problems) : value_(&value), problems_(&problems) {}

  const Value& value() const { return *value_; }
  const std::string& pointer() const { return pointer_; }
  void problem(std::string_view what) const;

  // Absent and null members are "not there": has() is false and get() keeps the default.
  bool has(std::string_view key) const;
  Reader at(std::string_view key) const;  // of a member that has() said is there

  template <class T>
  T get(std::string_view key, T fallback) const {
    return has(key) ? at(key).template as<T>(std::move(fallback)) : fallback;
  }
  template <class T>
  std::optional<T> get_optional(std::string_view key) const {
    if (!has(key)) return std::nullopt;
    return at(key).template as<T>(T{});
  }
  // Reports a missing member as a problem.
  template <class T>
  T require(std::string_view key) const {
    if (!has(key)) {
      missing(key);
      return T{};
    }
    return at(key).template as<T>(T{});
  }
  // T: bool, std::string, the integer types of <cstdint>, double, std::vector<std::string>,
  // std::map<std::string, std::string>. Wrong type or out of range: a problem, and the fallback.
  template <class T>
  T as(T fallback) const;

  // Calls visit(Reader) for each element of the array member `key`, if it is there.
  template <class Visit>
  void each(std::string_view key, Visit visit) const {
    if (!has(key)) return;
    for (const Reader& element : at(key).elements()) visit(element);
  }
  // Calls visit(name, Reader) for each member of this object.
  template <class Visit>
  void each_member(Visit visit) const {
    const Object* object = expect_object();
    if (!object) return;
    for (const auto& [name, value] : *object) visit(name, member(name, value));
  }
  std::vector<Reader> elements() const;

 private:
  const Object* expect_object() const;
  void missing(std::string_view key) const;
  Reader member(std::string_view key, const Value& value) const;

  const Value* value_;
  std::vector<std::string>* problems_;
  std::string pointer_;
};

}  // namespace crunlite::json
