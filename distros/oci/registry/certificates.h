// Whom TLS trusts.
#ifndef WSLM_DISTROS_OCI_REGISTRY_CERTIFICATES_H_
#define WSLM_DISTROS_OCI_REGISTRY_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"

namespace wslm::oci::registry {

// The host's certificate authorities and those of `ca_file`, as PEM. Empty when `ca_file` is empty: libcurl takes the
// host's by itself. Errors: FILE_NOT_FOUND, IO_ERROR, INVALID_ARGUMENT when the file holds no certificate. Thread-safe.
absl::StatusOr<std::string> TrustedCertificates(const std::string& ca_file);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_CERTIFICATES_H_
