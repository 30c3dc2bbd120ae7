// SHA-256 through OpenSSL, with its lookup of the implementation done once.
#ifndef WSLM_DISTROS_TREE_SHA256_H_
#define WSLM_DISTROS_TREE_SHA256_H_

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace wslm {

using Sha256Digest = std::array<uint8_t, 32>;

// Reusable: Finish begins anew. Not thread-safe.
class Sha256 {
 public:
  using Digest = Sha256Digest;

  Sha256();
  void Update(std::string_view bytes);
  Sha256Digest Finish();
  // Of `bytes` alone; what was updated before must have been finished.
  Sha256Digest Of(std::string_view bytes);

 private:
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  void Begin();

  std::unique_ptr<EVP_MD, Free> algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_SHA256_H_
