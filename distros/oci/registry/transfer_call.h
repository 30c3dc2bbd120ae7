// What a pull and a push have in common: whom they are, whom they trust, the session, and the thread that works while
// the caller's tells progress.
#ifndef WSLM_DISTROS_OCI_REGISTRY_TRANSFER_CALL_H_
#define WSLM_DISTROS_OCI_REGISTRY_TRANSFER_CALL_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/status_macros.h"
#include "distros/oci/registry/auth_file.h"
#include "distros/oci/registry/certificates.h"
#include "distros/oci/registry/layout_folder.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/reference.h"
#include "distros/oci/registry/session.h"
#include "distros/oci/registry/stop.h"

namespace wslm::oci::registry {

// Runs Work(session, certificates, layout, options, stop).Run(), which answers StatusOr<Result>, on a thread of its
// own, and its Tick() on this one. `actions` are those of the registry's tokens ("pull", "pull,push").
template <class Result, class Work>
absl::StatusOr<Result> RunTransfer(const ImageReference& image, const char* actions, const std::string& folder,
                                   const RegistryOptions& options) {
  Stop stop(options.cancel);
  RETURN_IF_ERROR(stop.Check());
  ASSIGN_OR_RETURN(const std::optional<Credentials> credentials, CredentialsFor(options, image));
  ASSIGN_OR_RETURN(const std::string certificates, TrustedCertificates(options.ca_file));
  const LayoutFolder layout(folder);
  Session session(image, actions, credentials, options, stop);
  Work work(session, certificates, layout, options, stop);
  absl::StatusOr<Result> result = absl::InternalError("not run");
  const absl::Status status = RunAside(
      [&] {
        result = work.Run();
        return result.status();
      },
      [&] { work.Tick(); });
  // What broke because of it is not what happened.
  if (!status.ok() && stop.cancelled()) return Stop(options.cancel).Check();
  return result;
}

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_TRANSFER_CALL_H_
