#include "distros/tree/sha256.h"

#include <cstdlib>

namespace wslm {
namespace {

// OpenSSL's digests fail only without memory or without its default provider: nothing can go on then.
void Require(bool success) {
  if (!success) std::abort();
}

}  // namespace

Sha256::Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  Require(algorithm_ != nullptr && context_ != nullptr);
  Begin();
}

void Sha256::Begin() { Require(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1); }

void Sha256::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1 && size == digest.size());
  Begin();
  return digest;
}

Sha256Digest Sha256::Of(std::string_view bytes) {
  Update(bytes);
  return Finish();
}

}  // namespace wslm
