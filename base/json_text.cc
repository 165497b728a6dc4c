// SPDX-License-Identifier: Apache-2.0
// The text of JSON documents, in and out. RapidJSON's event parser and writer, because config.json is on the
// way of every container: in a new process, 17 kB with a seccomp section take 115 us, where nlohmann's parser
// took 230. What it lets through and RFC 8259 or we do not is refused here.
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace crunlite::json {
namespace {

// Builds a Value from the parser's events. Members and elements whose container is still open lie on one
// stack; when it closes they move into storage of exactly their number.
class Builder {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  // The parser's interface; its names are not ours to choose.
  bool Null() { return put(Value()); }
  bool Bool(bool v) { return put(Value(v)); }
  bool Int(int v) { return put(Value(v)); }
  bool Uint(unsigned v) { return put(Value(uint64_t{v})); }
  bool Int64(int64_t v) { return put(Value(v)); }
  bool Uint64(uint64_t v) { return put(Value(v)); }
  bool Double(double v) { return put(Value(v)); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) {
    return false;
  }  // only with a flag that we don't give
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return without_surrogates({text, size}) && put(Value(std::string(text, size)));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    open_.push_back(Member{std::string(text, size), Value()});
    return without_surrogates(open_.back().first);
  }
  bool StartObject() { return enter(Kind::kObject); }
  bool StartArray() { return enter(Kind::kArray); }
  bool EndObject(rapidjson::SizeType count) {
    const auto first = open_.end() - count;
    if (!keys_differ(first)) return false;
    Object object(std::vector<Member>(std::make_move_iterator(first), std::make_move_iterator(open_.end())));
    leave(count);
    return put(Value(std::move(object)));
  }
  bool EndArray(rapidjson::SizeType count) {
    Array array;
    array.reserve(count);
    for (auto it = open_.end() - count; it != open_.end(); ++it) array.push_back(std::move(it->second));
    leave(count);
    return put(Value(std::move(array)));
  }

  Value take() { return std::move(root_); }
  // Why an event was refused.
  const std::string& complaint() const { return complaint_; }

 private:
  enum class Kind { kObject, kArray };

  bool enter(Kind kind) {
    kinds_.push_back(kind);
    if (kinds_.size() > limits_.depth) complaint_ = cat("nested deeper than ", limits_.depth, " levels");
    return complaint_.empty();
  }
  void leave(size_t count) {
    open_.resize(open_.size() - count);
    kinds_.pop_back();
  }
  bool put(Value value) {
    if (++values_ > limits_.values) {
      complaint_ = cat("more than ", limits_.values, " values");
      return false;
    }
    if (kinds_.empty())
      root_ = std::move(value);
    else if (kinds_.back() == Kind::kObject)
      open_.back().second = std::move(value);  // Key() came before
    else
      open_.push_back(Member{std::string(), std::move(value)});
    return true;
  }
  // Which of two would count is anybody's guess, and two readers guess differently.
  bool keys_differ(std::vector<Member>::const_iterator first) {
    std::vector<std::string_view> keys;
    keys.reserve(static_cast<size_t>(open_.cend() - first));
    for (auto it = first; it != open_.cend(); ++it) keys.push_back(it->first);
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) complaint_ = cat("the key ", quote(*twice), " stands twice in one object");
    return complaint_.empty();
  }
  // "\udc00" on its own: RapidJSON 1.1 makes bytes of it that are not UTF-8.
  bool without_surrogates(std::string_view text) {
    for (size_t at = text.find('\xed'); at != text.npos; at = text.find('\xed', at + 1)) {
      if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0)
        complaint_ = "not JSON: half of a surrogate pair in a string";
    }
    return complaint_.empty();
  }

  const Limits limits_;
  size_t values_ = 0;
  Value root_;
  std::vector<Member> open_;
  std::vector<Kind> kinds_;
  std::string complaint_;
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

[[noreturn]] void refuse(std::string_view text, std::string_view name, size_t offset, std::string_view why) {
  const Place place = place_of(text, offset);
  throw Error(ErrorKind::kConfig, name, ":", place.line, ":", place.column, ": ", why);
}

// A string that is not UTF-8 (a file name, a label) must not make the document unreadable.
template <class Writer>
void write_string(Writer& writer, const std::string& text) {
  const std::string clean = valid_utf8(text);
  writer.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
}

template <class Writer>
void write(Writer& writer, const Value& value) {
  if (const bool* b = value.if_bool()) {
    writer.Bool(*b);
  } else if (const int64_t* i = value.if_int()) {
    writer.Int64(*i);
  } else if (const uint64_t* u = value.if_big()) {
    writer.Uint64(*u);
  } else if (const double* d = value.if_double(); d && std::isfinite(*d)) {
    writer.Double(*d);
  } else if (const std::string* s = value.if_string()) {
    write_string(writer, *s);
  } else if (const Array* a = value.if_array()) {
    writer.StartArray();
    for (const Value& element : *a) write(writer, element);
    writer.EndArray();
  } else if (const Object* o = value.if_object()) {
    writer.StartObject();
    for (const auto& [key, member] : *o) {
      write_string(writer, key);
      write(writer, member);
    }
    writer.EndObject();
  } else {
    writer.Null();
  }
}

}  // namespace

Value parse(std::string_view text, std::string_view name, Limits limits) {
  if (text.size() > limits.bytes)
    throw Error(ErrorKind::kConfig, name, ": larger than ", limits.bytes, " bytes");
  // RapidJSON takes a NUL for the end.
  if (const size_t nul = text.find('\0'); nul != text.npos)
    refuse(text, name, nul, "not JSON: a NUL character");
  constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseFullPrecisionFlag;
  Builder builder(limits);
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (!builder.complaint().empty()) refuse(text, name, result.Offset(), builder.complaint());
  if (result.IsError())
    refuse(text, name, result.Offset(), cat("not JSON: ", rapidjson::GetParseError_En(result.Code())));
  return builder.take();
}

std::string dump(const Value& value, Style style) {
  rapidjson::StringBuffer buffer;
  if (style != Style::kCompact) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', style == Style::kIndented ? 2 : 4);
    write(writer, value);
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    write(writer, value);
  }
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace crunlite::json
