// Names of images in registries: "debian:12", "ghcr.io/owner/name@sha256:…".
//
//   ASSIGN_OR_RETURN(const ImageReference image, ParseReference("debian:12"));
//   image.ToString()  →  "docker.io/library/debian:12"
//
// The grammar is that of the OCI distribution specification 1.1 with Docker's defaults: registry docker.io, there the
// folder library/, and the tag latest where neither tag nor digest is given. Thread-safe.
#ifndef WSLM_DISTROS_OCI_REGISTRY_REFERENCE_H_
#define WSLM_DISTROS_OCI_REGISTRY_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"

namespace wslm::oci::registry {

struct ImageReference {
  // "docker.io", "127.0.0.1:5000", "[::1]:5000", in lower case.
  std::string registry;
  // "library/debian".
  std::string repository;
  // Empty only when there is a digest.
  std::string tag;
  // "sha256:" and 64 hexadecimal digits, or empty. Where both are there the digest decides.
  std::string digest;

  // Complete, so that ParseReference gives the same again.
  std::string ToString() const;
  // What its manifest is asked for by: the digest, else the tag.
  const std::string& Selector() const { return digest.empty() ? tag : digest; }
};

// Error: INVALID_ARGUMENT, saying which part is wrong.
absl::StatusOr<ImageReference> ParseReference(const std::string& name);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_REFERENCE_H_
