// SPDX-License-Identifier: Apache-2.0
#include "archive/digest.h"

#include <openssl/evp.h>

#include "base/error.h"

namespace crunlite::archive {
namespace {

void require_success(int result) {
  if (result != 1) throw Error(ErrorKind::kSystem, "libcrypto cannot compute SHA-256");
}

// Fetched once: looking an algorithm up by name costs more than hashing a small document.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require_success(context_ && EVP_DigestInit_ex(context_.get(), sha256_method(), nullptr));
}

void Sha256::update(std::span<const char> data) {
  require_success(EVP_DigestUpdate(context_.get(), data.data(), data.size()));
}

std::string Sha256::finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  require_success(EVP_DigestFinal_ex(context_.get(), raw, &size));
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "sha256:";
  for (unsigned i = 0; i < size; ++i) {
    out += kHex[raw[i] >> 4];
    out += kHex[raw[i] & 15];
  }
  return out;
}

std::string sha256_of(std::string_view data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

size_t DigestingSource::read(std::span<char> buffer) {
  const size_t got = from_->read(buffer);
  hash_.update(buffer.first(got));
  size_ += got;
  return got;
}

}  // namespace crunlite::archive
