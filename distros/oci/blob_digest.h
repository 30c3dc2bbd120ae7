// Digests as container images write them: "sha256:" and 64 lower-case hexadecimal digits (OCI image specification,
// descriptor.md). Thread-safe.
#ifndef WSLM_DISTROS_OCI_BLOB_DIGEST_H_
#define WSLM_DISTROS_OCI_BLOB_DIGEST_H_

#include <optional>
#include <string>
#include <string_view>

#include "distros/tree/sha256.h"

namespace wslm {

// 64 lower-case hexadecimal digits, and back.
bool IsDigestHex(std::string_view text);
std::string DigestHex(const Sha256Digest& digest);

// "sha256:HEX", and back; nullopt is no digest of this kind (sha512 is allowed by the specification, and used by
// nobody).
std::string DigestText(const Sha256Digest& digest);
std::optional<Sha256Digest> ParseDigest(std::string_view text);

// DigestText of all of `bytes`.
std::string DigestOfBytes(std::string_view bytes);

// Where an image layout keeps a blob: "blobs/sha256/HEX".
std::string BlobPath(const Sha256Digest& digest);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_BLOB_DIGEST_H_
