// SPDX-License-Identifier: Apache-2.0
// SHA-256 by libcrypto, which uses the processor's instructions for it. Only digests: what they are compared
// with, and what follows from a difference, is the callers' business.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "archive/byte_source.h"

struct evp_md_ctx_st;

namespace crunlite::archive {

class Sha256 {
 public:
  Sha256();
  void update(std::span<const char> data);
  // "sha256:<hex>" of everything so far; the object is used up.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_of(std::string_view data);

// Passes another source on and counts and hashes what goes by.
class DigestingSource final : public ByteSource {
 public:
  explicit DigestingSource(ByteSource& from) : from_(&from) {}
  size_t read(std::span<char> buffer) override;
  uint64_t size() const { return size_; }
  std::string finish() { return hash_.finish(); }

 private:
  ByteSource* from_;
  Sha256 hash_;
  uint64_t size_ = 0;
};

}  // namespace crunlite::archive
