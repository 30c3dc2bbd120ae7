// Addresses of registries, and where one may lead.
#ifndef WSLM_DISTROS_OCI_REGISTRY_URL_H_
#define WSLM_DISTROS_OCI_REGISTRY_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wslm::oci::registry {

// An http or https address without user, password and fragment.
struct Url {
  // All of it, as it is asked for.
  std::string text;
  // "http" or "https".
  std::string scheme;
  // Without port; an IPv6 address in brackets.
  std::string host;
  // "https://host:443": the port always.
  std::string origin;

  bool encrypted() const { return scheme == "https"; }
  bool loopback() const;
};

// `text` may be relative to `base`, which may be empty. Errors: INVALID_ARGUMENT when it is no address, of another
// scheme, or holds a user's name. Thread-safe.
absl::StatusOr<Url> ParseUrl(absl::string_view text, const std::string& base = "");

// Whether a host's name or address (of ImageReference::registry too, with its port) is this machine's own.
bool IsLoopbackHost(absl::string_view host);

// `text` for use in a query.
std::string QueryEscaped(const std::string& text);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_URL_H_
