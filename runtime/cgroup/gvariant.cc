// SPDX-License-Identifier: Apache-2.0
// "GVariant Text Format" of the GLib manual.
#include "runtime/cgroup/gvariant.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace crunlite::runtime {
namespace {

constexpr int kDeepest = 8;

struct Keyword {
  std::string_view name;
  char type;
};
constexpr Keyword kKeywords[] = {
    {"boolean", 'b'}, {"byte", 'y'},   {"int16", 'n'},      {"uint16", 'q'},
    {"int32", 'i'},   {"uint32", 'u'}, {"int64", 'x'},      {"uint64", 't'},
    {"double", 'd'},  {"string", 's'}, {"objectpath", 'o'}, {"signature", 'g'},
};

template <class T>
bool fits(int64_t number) {
  return std::in_range<T>(number);
}

bool in_range(char type, int64_t number) {
  switch (type) {
    case 'y':
      return fits<uint8_t>(number);
    case 'n':
      return fits<int16_t>(number);
    case 'q':
      return fits<uint16_t>(number);
    case 'i':
      return fits<int32_t>(number);
    case 'u':
      return fits<uint32_t>(number);
    case 't':
      return number >= 0;
    default:
      return true;
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  GVariant parse() {
    GVariant out = value("", 0);
    skip_blanks();
    if (at_ < text_.size()) fail("something follows the value");
    return out;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw Error(ErrorKind::kConfig, "not a GVariant: ", quote(text_), ", at character ", at_ + 1, ": ", why);
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    skip_blanks();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  std::string_view word() {
    const size_t from = at_;
    const auto part = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
             c == '-' || c == '.';
    };
    while (at_ < text_.size() && part(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }

  // `wanted` is the signature that the value has to have; empty: whatever it is by itself.
  GVariant value(std::string_view wanted, int depth) {
    if (depth > kDeepest) fail("nested too deeply");
    skip_blanks();
    switch (peek()) {
      case '\'':
      case '"':
        return text_value(wanted);
      case '[':
        return array(wanted, depth);
      case '(':
        return structure(wanted, depth);
      case '@':
        return annotated(depth);
      default:
        return plain(wanted, depth);
    }
  }

  GVariant text_value(std::string_view wanted) {
    const char type = wanted.empty() ? 's' : wanted.front();
    if (type != 's' && type != 'o' && type != 'g') fail("a string is not of that type");
    const char quote_mark = text_[at_++];
    std::string out;
    while (peek() != quote_mark) {
      if (at_ >= text_.size()) fail("the string does not end");
      if (peek() == '\\' && ++at_ >= text_.size()) fail("the string does not end");
      if (text_[at_] == '\0') fail("a string holds no NUL");
      out += text_[at_++];
    }
    ++at_;
    return {std::string(1, type), std::move(out)};
  }

  GVariant annotated(int depth) {
    ++at_;
    const size_t from = at_;
    while (std::string_view("ybnqiuxtdsogav()").find(peek()) != std::string_view::npos && peek() != '\0')
      ++at_;
    const std::string signature(text_.substr(from, at_ - from));
    if (signature.empty()) fail("@ is followed by a type");
    GVariant out = value(signature, depth + 1);
    if (out.signature != signature) fail("the value is not of the type that stands before it");
    return out;
  }

  GVariant plain(std::string_view wanted, int depth) {
    const size_t from = at_;
    const std::string_view token = word();
    for (const Keyword& keyword : kKeywords) {
      if (token != keyword.name) continue;
      const std::string type(1, keyword.type);
      if (!wanted.empty() && wanted != type) fail("two types for one value");
      return value(type, depth + 1);
    }
    if (token == "true" || token == "false") {
      if (!wanted.empty() && wanted != "b") fail("a boolean is not of that type");
      return {"b", token == "true"};
    }
    at_ = from;
    std::optional<GVariant> number = numeric(token, wanted);
    if (!number) fail("neither a number, a string, true, false nor an array");
    at_ = from + token.size();
    return std::move(*number);
  }

  std::optional<GVariant> numeric(std::string_view token, std::string_view wanted) const {
    if (token.find('.') != std::string_view::npos) {
      double number = 0;
      const auto end = std::from_chars(token.data(), token.data() + token.size(), number);
      const bool whole = end.ec == std::errc() && end.ptr == token.data() + token.size();
      if (!whole || (!wanted.empty() && wanted != "d")) return std::nullopt;
      return GVariant{"d", number};
    }
    const char type = wanted.empty() ? 'i' : wanted.front();
    if (wanted.size() > 1 || std::string_view("ybnqiuxtd").find(type) == std::string_view::npos ||
        type == 'b')
      return std::nullopt;
    if (type == 't') {
      const auto big = parse_number<uint64_t>(token);
      return big ? std::optional(GVariant{"t", *big}) : std::nullopt;
    }
    const auto number = parse_number<int64_t>(token);
    if (!number) return std::nullopt;
    if (type == 'd') return GVariant{"d", static_cast<double>(*number)};
    if (!in_range(type, *number)) fail("the number is out of its type's range");
    return GVariant{std::string(1, type), *number};
  }

  GVariant array(std::string_view wanted, int depth) {
    if (!wanted.empty() && wanted.front() != 'a') fail("an array is not of that type");
    ++at_;
    std::string element(wanted.empty() ? "" : wanted.substr(1));
    json::Array out;
    if (!take(']')) {
      do {
        GVariant next = value(element, depth + 1);
        if (element.empty()) element = next.signature;
        if (next.signature != element) fail("the elements of an array have one type");
        out.push_back(std::move(next.value));
      } while (take(','));
      if (!take(']')) fail("the array does not end");
    }
    if (element.empty()) fail("an empty array needs a type, as in @as []");
    return {cat("a", element), std::move(out)};
  }

  GVariant structure(std::string_view wanted, int depth) {
    // A type in front of it is compared with what comes out, not handed down to the members.
    if (!wanted.empty() && wanted.front() != '(') fail("a tuple is not of that type");
    ++at_;
    std::string signature = "(";
    json::Array out;
    do {
      GVariant next = value("", depth + 1);
      signature += next.signature;
      out.push_back(std::move(next.value));
    } while (take(','));
    if (!take(')')) fail("the tuple does not end");
    return {signature + ")", std::move(out)};
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

GVariant parse_gvariant(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace crunlite::runtime
