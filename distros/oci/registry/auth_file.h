// Docker's config.json, as far as it holds passwords: {"auths": {"HOST": {"auth": "base64 of user:password"}}}.
//
// Credential helpers ("credHelpers", "credsStore") are programs, and are not run: nothing in such a file starts one.
#ifndef WSLM_DISTROS_OCI_REGISTRY_AUTH_FILE_H_
#define WSLM_DISTROS_OCI_REGISTRY_AUTH_FILE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/reference.h"

namespace wslm::oci::registry {

// The credentials that the file's text has for the registry of `image`: of several keys ("ghcr.io", "ghcr.io/owner")
// the longest that fits. None is no error. Error: INVALID_ARGUMENT when the text has another form; `path` is for the
// message. Thread-safe.
absl::StatusOr<std::optional<Credentials>> FindCredentials(absl::string_view text, const std::string& path,
                                                           const ImageReference& image);

// What options say for `image`: their credentials, else those of their file. Errors: those of FindCredentials,
// FILE_NOT_FOUND, IO_ERROR.
absl::StatusOr<std::optional<Credentials>> CredentialsFor(const RegistryOptions& options, const ImageReference& image);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_AUTH_FILE_H_
