// SPDX-License-Identifier: Apache-2.0
// Image names as people write them, in the grammar and with the words of distribution/reference: parsing,
// docker's normalisation (docker.io, library/, latest) and the familiar short form. Not a lookup.
#pragma once

#include <string>
#include <string_view>

namespace crunlite::image {

struct Reference {
  std::string domain;  // "docker.io"
  std::string path;    // "library/python"
  std::string tag;     // empty: none
  std::string digest;  // "sha256:…", empty: none

  std::string name() const { return domain + "/" + path; }
  // "python": without docker.io/ and a single library/.
  std::string familiar_name() const;
  // familiar_name() with :tag and @digest.
  std::string familiar() const;
  // docker.io/library/python:3.12
  std::string canonical() const;
};

// Throws Error(kUsage) with docker's words: "invalid reference format", "invalid reference format: repository
// name (library/Foo) must be lowercase", …
Reference parse_reference(std::string_view text);
// As parse_reference; a name with neither tag nor digest gets the tag "latest".
Reference parse_reference_or_latest(std::string_view text);

bool is_valid_tag(std::string_view text);

}  // namespace crunlite::image
