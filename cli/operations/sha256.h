// SHA-256 (FIPS 180-4) of what is streamed.
#ifndef WSLM_CLI_OPERATIONS_SHA256_H_
#define WSLM_CLI_OPERATIONS_SHA256_H_

#include <string>
#include <string_view>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

namespace wslm::cli {

// Not thread-safe. The low-level calls, because linked statically they bring in a few kilobytes, and EVP the whole
// library.
class Sha256 {
 public:
  Sha256() { SHA256_Init(&state_); }
  void Add(std::string_view bytes) { SHA256_Update(&state_, bytes.data(), bytes.size()); }
  // The 32 bytes. Once.
  std::string Finish() {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state_);
    return digest;
  }

 private:
  SHA256_CTX state_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_OPERATIONS_SHA256_H_
