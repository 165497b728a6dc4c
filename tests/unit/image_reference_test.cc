// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "image/reference.h"

namespace crunlite::image {
namespace {

std::string complaint(std::string_view text) {
  try {
    parse_reference(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kHex(64, 'a');

struct Row {
  std::string text;
  std::string canonical;
  std::string familiar;
};

class Good : public testing::TestWithParam<Row> {};

TEST_P(Good, IsNormalizedAndShownAsDockerDoes) {
  const Reference reference = parse_reference_or_latest(GetParam().text);
  EXPECT_EQ(reference.canonical(), GetParam().canonical);
  EXPECT_EQ(reference.familiar(), GetParam().familiar);
  // What is shown means the same again.
  EXPECT_EQ(parse_reference_or_latest(reference.familiar()).canonical(), GetParam().canonical);
}

INSTANTIATE_TEST_SUITE_P(
    Reference, Good,
    testing::Values(Row{"python", "docker.io/library/python:latest", "python:latest"},
                    Row{"python:3.12-slim", "docker.io/library/python:3.12-slim", "python:3.12-slim"},
                    Row{"docker.io/python", "docker.io/library/python:latest", "python:latest"},
                    Row{"index.docker.io/library/python", "docker.io/library/python:latest", "python:latest"},
                    Row{"me/app", "docker.io/me/app:latest", "me/app:latest"},
                    Row{"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
                    Row{"localhost/app", "localhost/app:latest", "localhost/app:latest"},
                    Row{"localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"},
                    Row{"quay.io/a/b/c:v1", "quay.io/a/b/c:v1", "quay.io/a/b/c:v1"},
                    Row{"Registry/app", "Registry/app:latest", "Registry/app:latest"},
                    Row{"[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"},
                    Row{"a.b", "docker.io/library/a.b:latest", "a.b:latest"},
                    Row{"a__b", "docker.io/library/a__b:latest", "a__b:latest"},
                    Row{"a---b", "docker.io/library/a---b:latest", "a---b:latest"},
                    Row{"app:" + std::string(128, 't'), "docker.io/library/app:" + std::string(128, 't'),
                        "app:" + std::string(128, 't')},
                    Row{"app@sha256:" + kHex, "docker.io/library/app@sha256:" + kHex, "app@sha256:" + kHex},
                    Row{"app:1@sha256:" + kHex, "docker.io/library/app:1@sha256:" + kHex,
                        "app:1@sha256:" + kHex}));

TEST(Reference, RefusesWhatTheGrammarDoes) {
  for (const char* text : {"",       "a..b", "a___b", "-a",   "a-",     "a._b",   "a/",        "/a",
                           "a//b",   "a:",   "a:.x",  "a:-x", "a:x y",  "a@",     "a@sha256:", "host:port/a",
                           "[::1/a", "a b",  "a\n",   "../a", "a/../b", "a.b:5/", "h..x/a"})
    EXPECT_NE(complaint(text), "") << text;
  EXPECT_NE(complaint("app:" + std::string(129, 't')), "");
}

TEST(Reference, UsesDockersWords) {
  EXPECT_EQ(complaint("a..b"), "invalid reference format");
  EXPECT_EQ(complaint("Foo"), "invalid reference format: repository name (library/Foo) must be lowercase");
  EXPECT_EQ(complaint(kHex),
            "invalid repository name (" + kHex + "), cannot specify 64-byte hexadecimal strings");
  EXPECT_EQ(complaint("a@md5:" + kHex), "unsupported digest algorithm");
  EXPECT_EQ(complaint("a@sha256:abcd"), "invalid checksum digest length");
  EXPECT_EQ(complaint(std::string(256, 'a')), "repository name must not be more than 255 characters");
}

}  // namespace
}  // namespace crunlite::image
