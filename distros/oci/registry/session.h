// Talks to one registry about one image: says who asks, follows where the registry leads, tries again.
//
// What it guards: a password goes to the registry's own origin, or to the token service that the registry names, over
// TLS or within this machine only; a redirect to another origin takes no Authorization with it; https never leads to
// http.
#ifndef WSLM_DISTROS_OCI_REGISTRY_SESSION_H_
#define WSLM_DISTROS_OCI_REGISTRY_SESSION_H_

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "distros/oci/registry/challenge.h"
#include "distros/oci/registry/http_client.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/reference.h"
#include "distros/oci/registry/stop.h"

namespace wslm::oci::registry {

// Thread-safe after Connect, with an HttpClient a thread. All that is given outlives it.
class Session {
 public:
  // `actions`: "pull" or "pull,push".
  Session(const ImageReference& image, std::string actions, std::optional<Credentials> credentials,
          const RegistryOptions& options, const Stop& stop);

  // Finds out whether the registry speaks TLS, where that is open. First of all.
  absl::Status Connect(HttpClient& client);

  // The address of "manifests/latest" or the like in the image's repository.
  absl::StatusOr<Url> Address(const std::string& path) const;

  // One try. Any response but a redirect or one that asks who we are. Errors: those of HttpClient; PERMISSION_DENIED;
  // NETWORK when a redirect leads where it must not.
  absl::StatusOr<HttpResponse> SendOnce(HttpClient& client, HttpRequest request);

  // As many tries as patience has: for requests that may be sent again as they are.
  absl::StatusOr<HttpResponse> Send(HttpClient& client, const HttpRequest& request);

  // A response that is no success as an error; `what` is what was asked for ("the manifest of x").
  absl::Status Failure(const HttpResponse& response, const std::string& what) const;

  const ImageReference& image() const { return image_; }
  const Patience& patience() const { return options_.patience; }
  const Stop& stop() const { return stop_; }

 private:
  absl::Status CheckRedirect(const Url& from, const Url& to) const;
  absl::Status Denied() const;
  // Gets a new Authorization after `used` was refused.
  absl::Status Authorize(HttpClient& client, const HttpResponse& refused, const std::string& used);
  absl::StatusOr<std::string> FetchToken(HttpClient& client, const Challenge& challenge);
  std::string BasicAuthorization() const;

  const ImageReference image_;
  const std::string actions_;
  const std::optional<Credentials> credentials_;
  const RegistryOptions& options_;
  const Stop& stop_;
  // Of the registry; set by Connect.
  Url base_;
  std::atomic<bool> answered_ = false;
  std::mutex mutex_;
  // The header's value; empty: none.
  std::string authorization_;
};

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_SESSION_H_
