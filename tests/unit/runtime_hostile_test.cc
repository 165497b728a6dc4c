// SPDX-License-Identifier: Apache-2.0
// config.json written by somebody who means harm, or by a broken program: every member mistyped, thousands of
// mutations of a document that has every member of the specification, and documents that are made to be
// expensive. All of it without a single system call: what would be made of such a document is never made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci/codec.h"
#include "runtime/validate.h"

namespace crunlite::runtime {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;

const std::string& every_field() {
  static const std::string text =
      read_file(AT_FDCWD, CRUNLITE_SOURCE_DIR "/tests/unit/golden/every-field.json", 1u << 20);
  return text;
}

std::vector<std::string> problems_of(const json::Value& document) {
  std::vector<std::string> problems;
  (void)oci::decode_spec(document, problems);
  return problems;
}

// --- every member mistyped
// ----------------------------------------------------------------------------------
using Rebuild = std::function<json::Value(json::Value)>;
using Visit = std::function<void(const std::string& pointer, const json::Value& node, const Rebuild& with)>;

// Calls visit for every value of a document; with(x) is the whole document with x in that value's place.
void walk(const json::Value& node, const std::string& pointer, const Rebuild& with, const Visit& visit) {
  if (!pointer.empty()) visit(pointer, node, with);
  if (const json::Object* object = node.if_object()) {
    for (const auto& [key, member] : *object) {
      const auto replace = [&, name = key](json::Value value) {
        json::Object copy = *object;
        copy.set(name, std::move(value));
        return with(std::move(copy));
      };
      walk(member, cat(pointer, "/", key), replace, visit);
    }
  }
  if (const json::Array* array = node.if_array()) {
    for (size_t i = 0; i < array->size(); ++i) {
      const auto replace = [&, i](json::Value value) {
        json::Array copy = *array;
        copy[i] = std::move(value);
        return with(std::move(copy));
      };
      walk((*array)[i], cat(pointer, "/", i), replace, visit);
    }
  }
}

void walk(const json::Value& document, const Visit& visit) {
  walk(
      document, "", [](json::Value value) { return value; }, visit);
}

const json::Array& one_of_each_type() {
  static const json::Array values = {"text", 7, true, json::Array{}, json::Object{}};
  return values;
}

TEST(Hostile, TheDocumentWithEveryFieldIsGood) {
  EXPECT_THAT(problems_of(json::parse(every_field(), "t")), IsEmpty());
}

TEST(Hostile, EveryMistypedMemberIsNamed) {
  size_t tried = 0;
  walk(json::parse(every_field(), "t"),
       [&](const std::string& pointer, const json::Value& node, const Rebuild& with) {
         for (const json::Value& other : one_of_each_type()) {
           if (other.type_name() == node.type_name()) continue;
           ++tried;
           const std::vector<std::string> problems = problems_of(with(other));
           EXPECT_THAT(problems, Contains(StartsWith(cat(pointer, ": expected ")))) << other.type_name();
         }
       });
  EXPECT_GT(tried, 500u);
}

TEST(Hostile, NumbersOutOfRangeAreNamed) {
  const json::Array numbers = {int64_t{-9'000'000'000}, UINT64_MAX, 1e300, 1.5};
  size_t refused = 0;
  walk(json::parse(every_field(), "t"),
       [&](const std::string& pointer, const json::Value& node, const Rebuild& with) {
         if (!node.if_int()) return;
         for (const json::Value& number : numbers) {
           const std::vector<std::string> problems = problems_of(with(number));
           if (problems.empty()) continue;
           ++refused;
           EXPECT_THAT(problems, Contains(StartsWith(cat(pointer, ": "))));
         }
         // No member of the specification is a fraction or larger than 64 bits.
         for (const double fraction : {1.5, 1e300})
           EXPECT_THAT(problems_of(with(fraction)),
                       Contains(StartsWith(cat(pointer, ": expected a whole number"))));
       });
  EXPECT_GT(refused, 50u);
}

TEST(Hostile, ANulInAnyStringIsNamed) {
  walk(json::parse(every_field(), "t"),
       [&](const std::string& pointer, const json::Value& node, const Rebuild& with) {
         if (!node.if_string()) return;
         EXPECT_THAT(problems_of(with(std::string("a\0b", 3))), Contains(StartsWith(cat(pointer, ": "))));
       });
}

TEST(Hostile, MistypedEverythingAtOnceIsAShortMessage) {
  std::vector<std::string> lines(5000, "1");
  const std::string text =
      cat(R"({"ociVersion":1,"root":{"path":"r"},"process":{"cwd":"/","args":[)", join(lines, ","), "]}}");
  const std::vector<std::string> problems = problems_of(json::parse(text, "t"));
  EXPECT_THAT(problems, SizeIs(json::kMostProblems + 1));
  EXPECT_EQ(problems.back(), "and more");
}

// --- mutations
// ---------------------------------------------------------------------------------------------- As create
// does it. True: it would have gone on to make the container. Anything thrown but Error fails the test, and
// so does an error without a place.
bool accepts(const std::string& text) {
  json::Value document;
  try {
    document = json::parse(text, "config.json");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AnyOf(MatchesRegex("config\\.json:[0-9]+:[0-9]+: .*"), StartsWith("config.json: larger")));
    return false;
  }
  std::vector<std::string> problems;
  const oci::Spec spec = oci::decode_spec(document, problems);
  for (const std::string& problem : problems) EXPECT_THAT(problem, AnyOf(StartsWith("/"), "and more"));
  if (!problems.empty()) return false;
  const Findings findings = validate(spec);
  for (const std::string& problem : findings.problems) EXPECT_THAT(problem, StartsWith("/"));
  // What was understood can be said again: the engine hands documents of its own to the runtime.
  const json::Value again = oci::encode_spec(spec);
  EXPECT_THAT(problems_of(again), IsEmpty());
  std::vector<std::string> none;
  EXPECT_EQ(json::dump(oci::encode_spec(oci::decode_spec(again, none))), json::dump(again));
  return true;
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::string mutate(std::string text) {
    for (size_t rounds = 1 + below(3); rounds > 0; --rounds) mutate_once(text);
    return text;
  }

 private:
  void mutate_once(std::string& text) {
    const size_t at = below(text.size());
    const size_t size = std::min(below(40), text.size() - at);
    switch (below(6)) {
      case 0:
        text.resize(at);  // truncated
        break;
      case 1:
        text.erase(at, size);
        break;
      case 2:
        text.insert(below(text.size()), text.substr(at, size));
        break;
      case 3:
        if (!text.empty()) text[at] = static_cast<char>(below(256));
        break;
      default:
        text.replace(at, below(2) == 0 ? 0 : size, pick());
    }
  }
  const std::string& pick() {
    static const std::vector<std::string> kTokens = {"null",
                                                     "-1",
                                                     "1e9",
                                                     "18446744073709551616",
                                                     "-9223372036854775809",
                                                     "\"",
                                                     "\\u0000",
                                                     "\\ud800",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ":",
                                                     ",",
                                                     "\"args\":",
                                                     "\"type\":\"pid\"",
                                                     "{\"a\":[{\"b\":[",
                                                     std::string(500, '['),
                                                     std::string("\0", 1),
                                                     "\xff\xfe",
                                                     "\xed\xa0\x80",
                                                     "\xef\xbb\xbf",
                                                     "//",
                                                     "\"../../../etc\"",
                                                     "\"\"",
                                                     std::string(3000, 'A'),
                                                     "0x10",
                                                     "NaN",
                                                     "Infinity",
                                                     "+1",
                                                     "01",
                                                     "'a'",
                                                     "true",
                                                     "\r\n"};
    return kTokens[below(kTokens.size())];
  }

  std::mt19937 random_;
};

TEST(Hostile, MutatedTexts) {
  Mutator mutator(20261123);
  size_t accepted = 0;
  for (int i = 0; i < 6000 && !testing::Test::HasFailure(); ++i) {
    const std::string text = mutator.mutate(every_field());
    accepted += accepts(text) ? 1 : 0;
    if (testing::Test::HasFailure()) ADD_FAILURE() << "round " << i << ":\n" << text;
  }
  EXPECT_GT(accepted, 5u);  // the mutations are not all refused at the first byte
}

// AddressSanitizer takes thirty times as long for each of 12,000 documents: it gets a quarter of them.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kStride = 4;
#else
constexpr size_t kStride = 1;
#endif

TEST(Hostile, MutatedValues) {
  const json::Array replacements = {"",
                                    "..",
                                    "/",
                                    "a/b",
                                    std::string(5'000, 'x'),
                                    "-1",
                                    "\x7f\x1b[2J",
                                    0,
                                    -1,
                                    1,
                                    INT64_MIN,
                                    INT64_MAX,
                                    UINT64_MAX,
                                    uint64_t{UINT32_MAX},
                                    1e9,
                                    nullptr,
                                    true,
                                    json::Array{},
                                    json::Object{},
                                    json::Array{json::Array{}},
                                    json::Array{""},
                                    json::Array{nullptr},
                                    json::Object{{"", ""}},
                                    json::Object{{"a/~b", json::Object{}}}};
  size_t next = 0;  // which value comes first at the next place
  walk(json::parse(every_field(), "t"),
       [&](const std::string& pointer, const json::Value&, const Rebuild& with) {
         for (size_t i = next++ % kStride; i < replacements.size(); i += kStride) {
           if (testing::Test::HasFailure()) return;
           (void)accepts(json::dump(with(replacements[i])));
           if (testing::Test::HasFailure())
             FAIL() << pointer << " = " << json::dump(replacements[i]).substr(0, 100);
         }
       });
}

TEST(Hostile, EveryTruncationHasAPlace) {
  const std::string whole = json::dump(json::parse(every_field(), "t"));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(accepts(whole.substr(0, size))) << size;
}

// --- documents made to be expensive
// -------------------------------------------------------------------------
std::string refusal(const std::string& text) {
  try {
    (void)json::parse(text, "config.json");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string repeated(std::string_view part, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += part;
  return out;
}

TEST(Hostile, Nesting) {
  EXPECT_THAT(refusal(repeated("[", 4'000'000)),
              HasSubstr("config.json:1:101: nested deeper than 100 levels"));
  EXPECT_THAT(refusal(repeated("{\"a\":", 800'000)), HasSubstr("nested deeper than 100 levels"));
  EXPECT_EQ(refusal(repeated("[", 100) + repeated("]", 100)), "");
}

TEST(Hostile, HugeArrays) {
  EXPECT_THAT(refusal("[" + repeated("0,", 1'900'000) + "0]"), HasSubstr(": more than 200000 values"));
  EXPECT_THAT(refusal("[" + repeated("{},", 1'300'000) + "0]"), HasSubstr(": more than 200000 values"));
  EXPECT_EQ(refusal("[" + repeated("0,", 100'000) + "0]"), "");
}

TEST(Hostile, HugeNumbersAndStrings) {
  EXPECT_THAT(refusal("[1" + repeated("0", 3'000'000) + "]"), HasSubstr("config.json:1:"));
  EXPECT_THAT(refusal("[1e999999999]"), HasSubstr("config.json:1:"));
  EXPECT_EQ(refusal("[\"" + repeated("x", 3'000'000) + "\"]"), "");
  EXPECT_THAT(refusal(repeated(" ", 5'000'000)), HasSubstr("config.json: larger than 4194304 bytes"));
}

TEST(Hostile, Strings) {
  EXPECT_THAT(refusal(R"(["\ud800"])"), HasSubstr("config.json:1:"));
  EXPECT_THAT(refusal(R"(["\udc00x"])"), HasSubstr("config.json:1:"));
  EXPECT_THAT(refusal("[\"\xed\xa0\x80\"]"), HasSubstr("config.json:1:"));
  EXPECT_THAT(refusal("[\"\xc0\x80\"]"), HasSubstr("config.json:1:"));
  EXPECT_THAT(refusal(std::string("[\"a\0b\"]", 8)), HasSubstr("config.json:1:4: not JSON: a NUL character"));
  EXPECT_THAT(refusal(R"({"a":1,"a":2})"), HasSubstr(R"(the key "a" stands twice)"));
  EXPECT_THAT(refusal(R"({"a":1,"\u0061":2})"), HasSubstr(R"(the key "a" stands twice)"));
}

}  // namespace
}  // namespace crunlite::runtime
